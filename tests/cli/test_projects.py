"""`flowd projects` and what `flowd check` says of a project, without a daemon."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowd.__main__ import main
from flowd.cli.projects import is_fine, rows

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Jobs: {Type: AWS::SQS::Queue}
  Stream: {Type: AWS::Kinesis::Stream}
"""


def test_a_resource_is_shown_with_its_place_and_reason() -> None:
    resource = {"resource": "Q", "type": "T", "name": "s-Q", "status": "failed", "note": "why", "line": 3}
    assert rows([{"source": "s/template.yaml", "resources": [resource]}]) == [
        ("s/template.yaml:3", "Q", "T", "s-Q", "failed", "why")
    ]
    assert not is_fine(resource) and is_fine({**resource, "status": "made"})


def test_check_shows_what_would_be_made_of_a_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    assert main(["check", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "template.yaml:3: Jobs (AWS::SQS::Queue) made" in shown
    assert "template.yaml:4: Stream (AWS::Kinesis::Stream) unsupported: AWS::Kinesis::Stream is not supported" in shown
    assert main(["check", "--json", str(tmp_path)]) == 0
    found = [each for each in json.loads(capsys.readouterr().out) if each["code"] == "RESOURCE"]
    assert [(each["resource"], each["status"]) for each in found] == [("Jobs", "made"), ("Stream", "unsupported")]
    assert found[0]["name"].endswith("-Jobs")
