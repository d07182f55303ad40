"""State machines of a template: where their definition is, what is substituted in it, what type they have."""

from __future__ import annotations

import json
import posixpath
from typing import Any, NamedTuple

from flowd import names
from flowd.sam.intrinsics import Unresolvable, substitute
from flowd.sam.project import INVALID, UNSUPPORTED, MachineType, SamMachine
from flowd.sam.resources import PLAIN_MACHINE, SERVERLESS_MACHINE, Template

_LONGEST_NAME = 80
_SPECIAL = '<>{}[]?*"#%\\^|~`$&,;:/'


class _Names(NamedTuple):
    """What the properties are called in one of the two resource types."""

    type: str
    path: str
    inline: tuple[str, ...]


_NAMES = {
    SERVERLESS_MACHINE: _Names("Type", "DefinitionUri", ("Definition",)),
    PLAIN_MACHINE: _Names("StateMachineType", "DefinitionS3Location", ("Definition", "DefinitionString")),
}
_READ = {
    *("Name", "StateMachineName", "Type", "StateMachineType", "DefinitionUri", "DefinitionS3Location"),
    *("Definition", "DefinitionString", "DefinitionSubstitutions", "Events"),
}
#: Properties without meaning on one box.
_IGNORED = {
    *("EncryptionConfiguration", "Logging", "LoggingConfiguration", "PermissionsBoundary", "Policies"),
    *("PropagateTags", "Role", "RoleArn", "RolePath", "Tags", "Tracing", "TracingConfiguration"),
}


class Refused(Exception):
    """The machine cannot be loaded, because of one of its properties."""

    def __init__(self, path: tuple[str, ...], message: str, code: str = UNSUPPORTED) -> None:
        super().__init__(message)
        self.path = path
        self.code = code


def read_machine(template: Template, logical_id: str) -> SamMachine | None:
    """The machine, or None when it is refused; the reason is in the template's problems."""
    path = ("Resources", logical_id, "Properties")
    for name in template.properties(logical_id):
        if name not in _READ | _IGNORED:
            template.unsupported(logical_id, f"the property {name} of a machine is not supported", *path, name)
    try:
        return _read(template, logical_id)
    except Refused as refused:
        template.refuse(logical_id, str(refused), *path, *refused.path, code=refused.code)
    except Unresolvable as problem:
        template.refuse(logical_id, f"the machine is refused: {problem.message}", *path, code=UNSUPPORTED)
    return None


def _read(template: Template, logical_id: str) -> SamMachine:
    named = _NAMES[template.type_of(logical_id)]
    properties = template.properties(logical_id)
    name = template.name_of(logical_id)
    if not names.is_valid_name(name) or len(name) > _LONGEST_NAME:
        raise Refused(
            ("Name",), f"{name!r} is no name of a machine: 1 to 80 characters, no blanks, none of {_SPECIAL}", INVALID
        )
    mark = template.document.where("Resources", logical_id)
    machine = SamMachine(
        name=name,
        resource=logical_id,
        type=_type(template, properties, named.type),
        substitutions=_substitutions(template, properties),
        line=mark.line,
        column=mark.column,
    )
    inline = [member for member in named.inline if member in properties]
    if len(inline) + (named.path in properties) != 1:
        raise Refused((), f"exactly one of {', '.join((named.path, *named.inline))} must be given", INVALID)
    if not inline:
        return _from_file(template, machine, named.path, properties[named.path])
    return _inline(template, machine, inline[0], properties[inline[0]])


def _type(template: Template, properties: dict[str, Any], name: str) -> MachineType:
    text = template.resolver.text(properties.get(name, "STANDARD"))
    if text == "STANDARD":
        return "STANDARD"
    if text == "EXPRESS":
        return "EXPRESS"
    raise Refused((name,), f"{name} is {text!r}; allowed: STANDARD, EXPRESS", INVALID)


def _substitutions(template: Template, properties: dict[str, Any]) -> dict[str, str]:
    given = properties.get("DefinitionSubstitutions") or {}
    if not isinstance(given, dict):
        raise Refused(("DefinitionSubstitutions",), "DefinitionSubstitutions must be a mapping", INVALID)
    found = {}
    for key, value in given.items():
        try:
            found[str(key)] = template.resolver.text(value)
        except Unresolvable as problem:
            message = f"the machine is refused for its substitution {key}: {problem.message}"
            raise Refused(("DefinitionSubstitutions", str(key)), message) from None
    return found


def _from_file(template: Template, machine: SamMachine, name: str, value: Any) -> SamMachine:
    path = template.resolver.value(value)
    if not isinstance(path, str) or path.startswith("s3://"):
        raise Refused((name,), f"a definition in S3 is not supported; {name} must be a file beside the template")
    return _changed(machine, definition_path=posixpath.normpath(path))


def _inline(template: Template, machine: SamMachine, name: str, value: Any) -> SamMachine:
    try:
        resolved = template.resolver.value(value)
    except Unresolvable as problem:
        raise Refused((name,), f"the machine is refused for its {name}: {problem.message}") from None
    if isinstance(resolved, str):
        text, missing = substitute(resolved, machine.substitutions)
    else:
        resolved, missing = _substituted(resolved, machine.substitutions)
        try:
            text = json.dumps(resolved, ensure_ascii=False, indent=2, allow_nan=False)
        except ValueError:
            raise Refused((name,), "the definition holds a number that JSON does not have", INVALID) from None
    for key in missing:
        warn_missing(template, machine, key)
    marks = {_location(path): mark for path, mark in template.document.below(*_path(machine, name))}
    return _changed(machine, definition_text=text, marks=marks)


def warn_missing(template: Template, machine: SamMachine, key: str) -> None:
    """`${Name}` stands in a definition that no substitution explains."""
    message = f"${{{key}}} stands in the definition, but DefinitionSubstitutions has no {key}"
    template.problem("WARNING", machine.resource, message, *_path(machine))


def _path(machine: SamMachine, *rest: str) -> tuple[str, ...]:
    return ("Resources", machine.resource, "Properties", *rest)


def _substituted(value: Any, values: dict[str, str]) -> tuple[Any, list[str]]:
    """The substitutions in every text of an inline definition, so that no value can break the JSON."""
    missing: list[str] = []

    def walk(item: Any) -> Any:
        if isinstance(item, str):
            text, unknown = substitute(item, values)
            missing.extend(unknown)
            return text
        if isinstance(item, list):
            return [walk(element) for element in item]
        if isinstance(item, dict):
            return {walk(key): walk(member) for key, member in item.items()}
        return item

    return walk(value), sorted(set(missing))


def _location(path: tuple[str | int, ...]) -> str:
    """A path as AWS writes locations: `/States/C/Choices[0]/Next`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f"/{step}" for step in path)


def _changed(machine: SamMachine, **changes: Any) -> SamMachine:
    fields = {name: getattr(machine, name) for name in machine.__struct_fields__}
    return SamMachine(**{**fields, **changes})
