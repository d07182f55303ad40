"""AWS SAM templates: text in, Project out. Pure but for one port that finds code; it never reads a file by itself.

Machines, functions, activities, what the embedded services hold, and what starts or calls them are taken; policies,
outputs and metadata are passed over; everything else is listed as not supported, and refuses only what needs it.
"""

from __future__ import annotations

from collections.abc import Mapping

from flowd import names
from flowd.functions import Kind, Layer
from flowd.routes import Action, Route
from flowd.sam import httpapis, restapis
from flowd.sam.asynchronous import EVENT_INVOKE_CONFIG, with_configs
from flowd.sam.cloud import ORDER, read_resource
from flowd.sam.document import TemplateError, read_document
from flowd.sam.events import read_schedules
from flowd.sam.functions import FindCode, read_function
from flowd.sam.ignored import IGNORED
from flowd.sam.intrinsics import Unresolvable
from flowd.sam.layers import FindFolder, read_layer
from flowd.sam.machines import read_machine
from flowd.sam.notifications import CUSTOM, read_notifications
from flowd.sam.order import in_order
from flowd.sam.pipes import PIPE, read_pipe
from flowd.sam.project import INVALID, UNSUPPORTED, Listed, Problem, Project, SamMachine, SamResource, Verdict
from flowd.sam.resources import (
    ACTIVITY,
    APIS,
    BUCKET,
    CLUSTER,
    FUNCTION,
    HERE,
    LAYERS,
    PLAIN_FUNCTION,
    PLAIN_MACHINE,
    SERVERLESS_MACHINE,
    TASK_DEFINITION,
    Place,
    Template,
)
from flowd.sam.routes import read_routes
from flowd.sam.schedules import SamSchedule
from flowd.sam.serverlessapis import say_what_is_left_out
from flowd.sam.taskdefinitions import read_task_definition
from flowd.sam.triggers import read_mapping, read_scheduled, read_triggers

__all__ = ["Place", "Project", "read_template"]

_SECTIONS = {
    *("AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Mappings", "Metadata", "Outputs"),
    *("Parameters", "Resources", "Rules", "Transform"),
}
_TRANSFORM = "AWS::Serverless-2016-10-31"
_MACHINES = (SERVERLESS_MACHINE, PLAIN_MACHINE)
MAPPING, RULE = "AWS::Lambda::EventSourceMapping", "AWS::Events::Rule"
_LOADED = (
    *(*_MACHINES, FUNCTION, PLAIN_FUNCTION, *LAYERS, ACTIVITY, MAPPING, PIPE, "AWS::Scheduler::Schedule"),
    *(TASK_DEFINITION, CLUSTER, *APIS, EVENT_INVOKE_CONFIG, *restapis.TYPES, *httpapis.TYPES),
)
_OWN_ADDRESS = "all APIs share the address of [http] in flowd.toml, and their paths carry no base path"
#: What to do where a type is not supported, if there is something.
_INSTEAD = {
    "AWS::ApiGateway::BasePathMapping": _OWN_ADDRESS,
    "AWS::ApiGateway::DomainName": _OWN_ADDRESS,
    "AWS::ApiGatewayV2::ApiMapping": _OWN_ADDRESS,
    "AWS::ApiGatewayV2::DomainName": _OWN_ADDRESS,
    "AWS::Lambda::Url": "a function answers HTTP through a route: an HttpApi event, or [[http.routes]] in flowd.toml",
}


def _trust(path: str, kind: Kind, handler: str) -> tuple[str, str | None]:
    return path, None


def _trust_folder(path: str) -> tuple[str, str | None]:
    return path, None


def read_template(
    text: str,
    *,
    source: str,
    place: Place = HERE,
    parameters: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
    find_code: FindCode = _trust,
    find_folder: FindFolder = _trust_folder,
) -> Project:
    """What the template in `text` means. Never raises for what a template can contain: see `Project.problems`.

    `source` names the template in functions and schedules; `parameters` override the Defaults, and those of
    `defaults`, of which only the names of Parameters count.
    """
    try:
        document = read_document(text)
    except TemplateError as problem:
        return _unreadable(problem.message, problem.mark.line, problem.mark.column)
    if not isinstance(document.value, dict) or not isinstance(document.value.get("Resources"), dict):
        return _unreadable("a template is a mapping with Resources", 1, 1)
    declared = document.value.get("Parameters")
    known = declared if isinstance(declared, dict) else {}
    given = {name: value for name, value in (defaults or {}).items() if name in known}
    template = Template(document, {**given, **(parameters or {})}, place)
    _check_sections(template)
    _tell_doubled(template)
    _drop_absent(template)
    return _project(template, find_code, find_folder, source)


def _unreadable(message: str, line: int, column: int) -> Project:
    return Project(problems=(Problem("ERROR", "", message, line, column, INVALID),), complete=False)


def _check_sections(template: Template) -> None:
    for name in template.document.value:
        if name not in _SECTIONS:
            template.unsupported("", f"the section {name} is not supported", name)
    transforms = template.document.value.get("Transform")
    listed = transforms if isinstance(transforms, list) else [transforms]
    for transform in listed:
        if transform not in (None, _TRANSFORM):
            template.unsupported("", f"the transform {transform} is not supported", "Transform")
    serverless = any(str(_type(resource)).startswith("AWS::Serverless::") for resource in template.resources.values())
    if serverless and _TRANSFORM not in listed:
        template.problem("WARNING", "", f"Transform: {_TRANSFORM} is missing; AWS would refuse the template")


def _tell_doubled(template: Template) -> None:
    for path in dict.fromkeys(template.document.doubled):
        resource = str(path[1]) if path[0] == "Resources" and len(path) > 1 else ""
        template.problem("WARNING", resource, f"the key {path[-1]!r} stands here twice; the last one counts", *path)


def _drop_absent(template: Template) -> None:
    """Resources that are no mappings, or whose Condition is false, are not there for anybody."""
    for logical_id, resource in list(template.resources.items()):
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            template.refuse(logical_id, "a resource is a mapping with a Type", "Resources", logical_id)
            template.resources[logical_id] = {"Type": ""}
            continue
        condition = resource.get("Condition")
        if condition is None:
            continue
        try:
            if not template.resolver.condition(str(condition)):
                template.absent.add(logical_id)
                template.refused[logical_id] = f"its condition {condition} is false"
        except Unresolvable as problem:
            template.refuse(logical_id, problem.message, "Resources", logical_id, "Condition")


def _project(template: Template, find_code: FindCode, find_folder: FindFolder, source: str) -> Project:
    """Resources before functions before machines: each is refused for one before it that cannot be had."""
    by_type: dict[str, list[str]] = {}
    for logical_id in template.resources:
        if logical_id not in template.absent:
            by_type.setdefault(template.type_of(logical_id), []).append(logical_id)
    malformed = by_type.pop("", [])
    buckets = [*by_type.get(BUCKET, []), *by_type.pop(CUSTOM, [])]
    resources = _resources(template, by_type, source)
    layers = _layers(template, [each for name in LAYERS for each in by_type.pop(name, [])], find_folder)
    function_ids = [each for name in (FUNCTION, PLAIN_FUNCTION) for each in by_type.pop(name, [])]
    found = [read_function(template, each, find_code, layers, source) for each in _open(template, function_ids)]
    configs = _open(template, by_type.pop(EVENT_INVOKE_CONFIG, []))
    functions = with_configs(template, configs, [function for function in found if function is not None])
    activities = [_name(template, each) for each in _open(template, by_type.pop(ACTIVITY, []))]
    machine_ids = [each for name in _MACHINES for each in by_type.pop(name, [])]
    mappings = [read_mapping(template, each, source) for each in by_type.pop(MAPPING, [])]
    mappings += [read_pipe(template, each, source) for each in by_type.pop(PIPE, [])]
    schedules = _schedules(template, by_type, source)
    task_ids = _open(template, by_type.pop(TASK_DEFINITION, []))
    task_definitions = [read_task_definition(template, each) for each in task_ids]
    by_type.pop(CLUSTER, None)  # every cluster that is named is this box
    for each in (each for name in APIS for each in by_type.get(name, ())):
        say_what_is_left_out(template, each)
    for name in (*APIS, *restapis.TYPES, *httpapis.TYPES):
        by_type.pop(name, None)  # read below: what they call comes first
    _list_unsupported(template, by_type)
    read = [read_machine(template, each) for each in machine_ids if each not in template.refused]
    machines = _without_doubles(template, [machine for machine in read if machine is not None])
    refused = {_name(template, each) for each in machine_ids} - {each.name for each in machines}
    triggers = []
    routes: list[Route] = []
    # Also for a machine that is refused: its last good version goes on, and so does what starts it.
    for each in [*_open(template, function_ids), *(each for each in machine_ids if _is_named(template, each))]:
        target = _target(template, each)
        schedules += read_schedules(template, each, _called(template, each, target), source)
        triggers.append(read_triggers(template, each, target, source))
        action: Action = "start" if template.type_of(each) in _MACHINES else "function"
        routes += read_routes(template, each, action, target, source)
    routes += restapis.read_rest_apis(template, source, routes)
    routes += httpapis.read_http_apis(template, source)
    resources += [resource for each in triggers for resource in each.resources]
    resources += [one for each in _open(template, buckets) for one in read_notifications(template, each, source)]
    sources = [one for one in mappings if one is not None] + [one for each in triggers for one in each.sources]
    return Project(
        machines=tuple(machines),
        refused=tuple(sorted({*refused, *malformed})),
        functions=tuple(functions),
        refused_functions=tuple(_name(template, each) for each in function_ids if each in template.refused),
        schedules=tuple(schedules),
        activities=tuple(activities),
        resources=tuple(resources),
        sources=tuple(sources),
        routes=tuple(routes),
        task_definitions=tuple(each for each in task_definitions if each is not None),
        listing=tuple(_listed(template, each) for each in template.resources),
        problems=tuple(template.problems),
        complete=not malformed and all(_is_named(template, each) for each in machine_ids),
    )


def _layers(template: Template, logical_ids: list[str], find_folder: FindFolder) -> dict[str, Layer]:
    read = [(each, read_layer(template, each, find_folder)) for each in _open(template, logical_ids)]
    return {str(template.resolver.value({"Ref": each})): layer for each, layer in read if layer is not None}


def _resources(template: Template, by_type: dict[str, list[str]], source: str) -> list[SamResource]:
    """What the embedded services hold, in the order in which it is made. Rules stay, to be looked at for schedules."""
    made = []
    for type_name in ORDER:
        logical_ids = by_type.get(type_name, []) if type_name == RULE else by_type.pop(type_name, [])
        read = (read_resource(template, each, source) for each in in_order(template.resources, logical_ids))
        made += [resource for resource in read if resource is not None and resource.steps]
    return made


def _schedules(template: Template, by_type: dict[str, list[str]], source: str) -> list[SamSchedule]:
    logical_ids = [*by_type.pop(RULE, []), *by_type.pop("AWS::Scheduler::Schedule", [])]
    return [
        schedule
        for each in _open(template, logical_ids)
        if _is_named(template, each)
        for schedule in read_scheduled(template, each, source)
    ]


def _target(template: Template, logical_id: str) -> str:
    """The ARN of a function or machine."""
    place, name = template.place, template.name_of(logical_id)
    if template.type_of(logical_id) in _MACHINES:
        return names.machine_arn(name, place.region, place.account)
    return names.function_arn(name, place.region, place.account)


def _called(template: Template, logical_id: str, arn: str) -> str:
    """How a schedule says what it starts: a machine by its name."""
    return template.name_of(logical_id) if template.type_of(logical_id) in _MACHINES else arn


def _listed(template: Template, logical_id: str) -> Listed:
    """What becomes of one resource, with the first thing that was said against it."""
    type_name = template.type_of(logical_id)
    said = next((each for each in template.problems if each.resource == logical_id and each.code == UNSUPPORTED), None)
    verdict: Verdict = "loaded" if type_name in _LOADED else "made"
    note = ""
    if logical_id in template.absent:
        verdict, note = "absent", template.refused[logical_id]
    elif logical_id in template.refused:
        verdict, note = "refused", template.refused[logical_id]
    elif type_name in IGNORED:
        verdict, note = "ignored", "it has no meaning on one box"
    elif type_name not in (*_LOADED, *ORDER, CUSTOM):
        verdict, note = "unsupported", _unsupported(type_name)
    elif said is not None:
        note = said.message
    line = template.document.where("Resources", logical_id).line
    return Listed(
        resource=logical_id,
        type=type_name,
        name=_name(template, logical_id),
        verdict=verdict,
        note=note,
        line=line,
    )


def _open(template: Template, logical_ids: list[str]) -> list[str]:
    return [each for each in logical_ids if each not in template.refused]


def _list_unsupported(template: Template, by_type: dict[str, list[str]]) -> None:
    for type_name, logical_ids in by_type.items():
        if type_name not in IGNORED:
            for each in logical_ids:
                template.unsupported(each, _unsupported(type_name), "Resources", each, "Type")


def _unsupported(type_name: str) -> str:
    way_out = _INSTEAD.get(type_name)
    return f"{type_name} is not supported" + (f"; {way_out}" if way_out else "")


def _without_doubles(template: Template, machines: list[SamMachine]) -> list[SamMachine]:
    first: dict[str, SamMachine] = {}
    for machine in machines:
        if machine.name in first:
            message = f"the name {machine.name} is taken by {first[machine.name].resource}"
            template.refuse(machine.resource, message, "Resources", machine.resource)
        else:
            first[machine.name] = machine
    return list(first.values())


def _name(template: Template, logical_id: str) -> str:
    try:
        return template.name_of(logical_id)
    except Unresolvable:
        return logical_id


def _is_named(template: Template, logical_id: str) -> bool:
    try:
        template.name_of(logical_id)
    except Unresolvable:
        return False
    return True


def _type(resource: object) -> object:
    return resource.get("Type") if isinstance(resource, dict) else None
