"""AWS::Serverless::Function and AWS::Lambda::Function -> FunctionSpec.

It reads no files; whether code is there is asked through a port.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flowd.functions import AsyncSettings, FunctionSpec, Kind, Layer
from flowd.sam import asynchronous
from flowd.sam.assets import Refused, folder_of
from flowd.sam.intrinsics import Unresolvable
from flowd.sam.layers import layers_of
from flowd.sam.project import UNSUPPORTED
from flowd.sam.resources import FUNCTION, Template

#: (path relative to the template, kind, handler) -> (absolute path, None) or ("", why it cannot be used)
FindCode = Callable[[str, Kind, str], tuple[str, str | None]]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # API reference, CreateFunction
_RUNTIMES: tuple[tuple[str, Kind], ...] = (("python", "python"), ("nodejs", "node"), ("provided", "bootstrap"))
_MOST_SECONDS = 900  # API reference, CreateFunction: Timeout; 3 is its default, 128 that of MemorySize
_MOST_CONCURRENT = 1_000  # of an account, unless raised
_DEFAULT_SECONDS, _DEFAULT_MB, _LEAST_MB, _MOST_MB = 3, 128, 128, 10_240

_READ = {
    *("CodeUri", "Environment", "FunctionName", "Handler", "Layers", "MemorySize", "ReservedConcurrentExecutions"),
    *("Runtime", "Timeout"),
    *asynchronous.PROPERTIES,
}
#: Properties without meaning on one box.
_IGNORED = {
    *("Architectures", "AssumeRolePolicyDocument", "AutoPublishAlias", "AutoPublishAliasAllProperties"),
    *("AutoPublishCodeSha256", "CodeSigningConfigArn", "DeploymentPreference", "Description", "EphemeralStorage"),
    *("KmsKeyArn", "LoggingConfig", "PackageType", "PermissionsBoundary", "Policies", "PropagateTags"),
    *("ProvisionedConcurrencyConfig", "RecursiveLoop", "Role", "RolePath"),
    *("RuntimeManagementConfig", "SnapStart", "Tags", "Tracing", "TracingConfig", "VersionDescription", "VpcConfig"),
}
#: What to do instead of some others.
_INSTEAD = {
    "FunctionUrlConfig": "; it answers HTTP through a route: an HttpApi event, or [[http.routes]] in flowd.toml",
}


def read_function(
    template: Template, logical_id: str, find_code: FindCode, layers: Mapping[str, Layer], source: str
) -> FunctionSpec | None:
    """The function, or None when it cannot be run; the reason is in the template's problems. `layers` by ARN."""
    path = ("Resources", logical_id, "Properties")
    properties = _with_globals(template, logical_id)
    for name in properties:
        if name not in _READ | _IGNORED | {"Code", "Events", "ImageUri", "InlineCode"}:
            said = f"the property {name} of a function is not supported{_INSTEAD.get(name, '')}"
            template.unsupported(logical_id, said, *path, name)
    try:
        return _read(template, logical_id, properties, find_code, layers, source)
    except Refused as refused:
        template.refuse(logical_id, str(refused), *path, refused.property, code=refused.code)
    except Unresolvable as problem:
        template.refuse(logical_id, problem.message, *path, code=UNSUPPORTED)
    return None


def _read(
    template: Template,
    logical_id: str,
    properties: dict[str, Any],
    find_code: FindCode,
    layers: Mapping[str, Layer],
    source: str,
) -> FunctionSpec:
    resolver = template.resolver
    if properties.get("PackageType") == "Image" or "ImageUri" in properties:
        raise Refused("ImageUri", "container images are not run as functions here; use a zip function with CodeUri")
    name = template.name_of(logical_id)
    if _NAME.fullmatch(name) is None:
        raise Refused("FunctionName", f"{name!r} is no name of a function: 1 to 64 of A-Z a-z 0-9 - _")
    runtime = resolver.text(properties.get("Runtime", ""))
    kind = next((kind for prefix, kind in _RUNTIMES if runtime.startswith(prefix)), None)
    if kind is None:
        raise Refused("Runtime", f"the runtime {runtime or '(none)'} is not run here; python, nodejs and provided are")
    handler = resolver.text(properties.get("Handler", "bootstrap" if kind == "bootstrap" else ""))
    if kind != "bootstrap" and "." not in handler:
        raise Refused("Handler", f"the handler {handler!r} must be module.function")
    inline = _inline(template, properties, kind, handler)
    path, reason = (
        ("", None) if inline else find_code(folder_of(template, logical_id, properties, "Code", "."), kind, handler)
    )
    if reason is not None:
        raise Refused("CodeUri", reason)
    return FunctionSpec(
        name=name,
        kind=kind,
        path=path,
        code=inline,
        handler=handler,
        timeout_s=_whole(template, properties, "Timeout", _DEFAULT_SECONDS, 1, _MOST_SECONDS),
        memory_mb=_whole(template, properties, "MemorySize", _DEFAULT_MB, _LEAST_MB, _MOST_MB),
        environment=_environment(template, properties),
        reserved=_reserved(template, properties),
        asynchronous=_asynchronous(template, properties),
        layers=layers_of(template, logical_id, properties.get("Layers"), layers),
        source=source,
    )


def _inline(template: Template, properties: dict[str, Any], kind: Kind, handler: str) -> str:
    """Code that stands in the template, or "" (CloudFormation, AWS::Lambda::Function Code: ZipFile)."""
    code = properties.get("Code")
    name = "InlineCode" if "InlineCode" in properties else "Code"
    given = properties.get("InlineCode", code.get("ZipFile") if isinstance(code, dict) else None)
    text = "" if given is None else template.resolver.text(given)
    if text and kind == "bootstrap":
        raise Refused(name, "code in a template is Python or Node; put a bootstrap into a folder and say CodeUri")
    if text and handler.partition(".")[0] != "index":
        raise Refused("Handler", f"the handler {handler!r} must be index.function: code in a template is a file index")
    return text


def _whole(template: Template, properties: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    text = template.resolver.text(properties.get(name, default))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise Refused(name, f"{name} is {text}; it must be a whole number from {least} to {most}")
    return int(text)


def _reserved(template: Template, properties: dict[str, Any]) -> int | None:
    """0 is allowed: such a function is switched off."""
    name = "ReservedConcurrentExecutions"
    return _whole(template, properties, name, 0, 0, _MOST_CONCURRENT) if name in properties else None


def _asynchronous(template: Template, properties: dict[str, Any]) -> AsyncSettings:
    try:
        return asynchronous.settings_of(template, properties)
    except asynchronous.Wrong as wrong:
        raise Refused(wrong.property, str(wrong)) from None


def _environment(template: Template, properties: dict[str, Any]) -> dict[str, str]:
    environment = properties.get("Environment") or {}
    variables = environment.get("Variables") if isinstance(environment, dict) else None
    variables = template.resolver.value(variables or {})
    if not isinstance(variables, dict):
        raise Refused("Environment", "Environment must be a mapping with Variables")
    return {str(key): template.resolver.text(value) for key, value in variables.items()}


def _with_globals(template: Template, logical_id: str) -> dict[str, Any]:
    if template.type_of(logical_id) != FUNCTION:
        return dict(template.properties(logical_id))
    shared = template.section("Globals").get("Function")
    return dict(merged(shared if isinstance(shared, dict) else {}, template.properties(logical_id)))


def merged(shared: Any, own: Any) -> Any:
    """SAM's rule: mappings merge, lists are joined with the shared part first, anything else is overridden.

    An intrinsic function counts as a single value (SAM specification, "Globals section").
    """
    if isinstance(shared, dict) and isinstance(own, dict) and not _is_intrinsic(shared) and not _is_intrinsic(own):
        keys = [*shared, *(key for key in own if key not in shared)]
        return {key: merged(shared.get(key), own[key]) if key in own else shared[key] for key in keys}
    if isinstance(shared, list) and isinstance(own, list):
        return [*shared, *own]
    return own


def _is_intrinsic(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))
