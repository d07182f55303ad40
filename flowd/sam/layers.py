"""AWS::Serverless::LayerVersion and AWS::Lambda::LayerVersion -> the layers that functions name.

It reads no files; whether the content is there is asked through a port.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flowd.functions import Layer
from flowd.sam.assets import Refused, folder_of
from flowd.sam.intrinsics import Unresolvable
from flowd.sam.project import UNSUPPORTED
from flowd.sam.resources import Template

#: path relative to the template -> (absolute path, None) or ("", why it cannot be used)
FindFolder = Callable[[str], tuple[str, str | None]]


def read_layer(template: Template, logical_id: str, find_folder: FindFolder) -> Layer | None:
    """The layer, or None when it cannot be had; the reason is in the template's problems."""
    path = ("Resources", logical_id, "Properties")
    try:
        folder, reason = find_folder(folder_of(template, logical_id, template.properties(logical_id), "Content"))
        reason = f"ContentUri {reason}" if reason is not None else None
    except Refused as refused:
        folder, reason = "", str(refused)
    except Unresolvable as problem:
        folder, reason = "", problem.message
    metadata = template.resources[logical_id].get("Metadata")
    method = metadata.get("BuildMethod", "") if isinstance(metadata, dict) else ""
    if reason is None and method and not str(method).startswith(("python", "nodejs")):
        reason = f"BuildMethod {method} is not run here; python and nodejs are"
    if reason is not None:
        template.refuse(logical_id, reason, *path, code=UNSUPPORTED)
        return None
    return Layer(folder=folder, built=bool(method))


def layers_of(template: Template, logical_id: str, named: Any, known: Mapping[str, Layer]) -> list[Layer]:
    """Those of a function, by ARN; one of an account elsewhere is listed as not supported. Raises Unresolvable."""
    found = []
    arns = template.resolver.value(named or [])
    for index, arn in enumerate(arns if isinstance(arns, list) else [arns]):
        layer = known.get(str(arn))
        if layer is not None:
            found.append(layer)
            continue
        said = f"the layer {arn} is none of this template: name what it holds in requirements.txt or package.json"
        template.unsupported(logical_id, said, "Resources", logical_id, "Properties", "Layers", index)
    return found
