"""What functions share by layers."""

from __future__ import annotations

import pytest

from flowd.functions import Layer
from tests.sam.test_template import read, said

FUNCTION = "Type: AWS::Serverless::Function, Properties: {Runtime: python3.12, Handler: a.b, CodeUri: x"


def test_a_function_has_the_layers_that_it_names_after_those_of_all_functions() -> None:
    project = read(f"""\
Globals: {{Function: {{Layers: [!Ref Common]}}}}
Resources:
  Common:
    Type: AWS::Serverless::LayerVersion
    Properties: {{ContentUri: layers/common/}}
    Metadata: {{BuildMethod: python3.12}}
  Plain:
    Type: AWS::Lambda::LayerVersion
    Properties: {{LayerName: own-name, Content: {{S3Bucket: b, S3Key: k}}}}
    Metadata: {{"aws:asset:path": asset.1}}
  F: {{{FUNCTION}, Layers: [!Ref Plain]}}}}
  G: {{{FUNCTION}, Layers: ["arn:aws:lambda:us-east-1:000000000000:layer:own-name:1"]}}}}
""")
    common, plain = Layer(folder="layers/common", built=True), Layer(folder="asset.1")
    assert [function.layers for function in project.functions] == [[common, plain], [common, plain]]
    assert said(project) == ""
    assert {each.verdict for each in project.listing} == {"loaded"}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            "Properties: {ContentUri: s3://b/k}",
            "code in S3 (s3://b/k) is not fetched; unpack it into a folder beside the template",
        ),
        ("Properties: {}", "ContentUri must be a folder beside the template"),
        ("Properties: {ContentUri: gone}", "ContentUri gone: there is no such folder"),
        ("Properties: {ContentUri: x}, Metadata: {BuildMethod: makefile}", "BuildMethod makefile is not run here"),
    ],
)
def test_a_layer_that_cannot_be_had_refuses_the_functions_that_name_it(layer: str, message: str) -> None:
    def find(path: str) -> tuple[str, str | None]:
        return path, "gone: there is no such folder" if path == "gone" else None

    project = read(
        f"""\
Resources:
  L: {{Type: AWS::Serverless::LayerVersion, {layer}}}
  F: {{{FUNCTION}, Layers: [!Ref L]}}}}
  G: {{{FUNCTION}}}}}
""",
        find_folder=find,
    )
    assert [function.name for function in project.functions] == ["G"]
    assert message in said(project)
    assert "it needs L (line 3), which cannot be had" in said(project)
