"""A definition's text, made into a `StateMachine`: compiled once, run many times.

The definition counts as checked: `validate` finds what is wrong and says it in AWS's words. What cannot be compiled all
the same, or is not built yet, raises DefinitionError with its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from flowd.asl import choice
from flowd.asl.intrinsics import IntrinsicSyntaxError
from flowd.asl.model import (
    Catcher,
    Choice,
    DefinitionError,
    DistributedMap,
    Fail,
    Flow,
    ItemBatcher,
    ItemReader,
    Map,
    Parallel,
    Pass,
    Placement,
    Quantity,
    ResultWriter,
    Retrier,
    Rule,
    Scope,
    ScopePath,
    State,
    StateMachine,
    Succeed,
    Task,
    Wait,
)
from flowd.asl.paths import PathSyntaxError, compile_reference
from flowd.asl.resources import split_resource
from flowd.asl.templates import JSONATA, JSONPATH, Fixed, Language, Template, compile_template, dynamic, selector
from flowd.payload import InvalidJson, Payload, loads

Json = Mapping[str, Any]


def parse(definition_text: str, *, testing: bool = False, map_objects: bool = False) -> StateMachine:
    """The machine that a definition (JSON text) describes. Raises DefinitionError.

    `testing`: for TestState, which runs one state with a mock and therefore no Map's iterations, of whatever mode.
    `map_objects`: Maps iterate over the pairs of objects, as documented, and do not refuse them, as recorded.
    """
    try:
        definition = loads(definition_text)
    except InvalidJson as error:
        raise DefinitionError(f"The definition is not JSON: {error}") from None
    if not isinstance(definition, dict):
        raise DefinitionError("The definition must be a JSON object")
    language: Language = definition.get("QueryLanguage", JSONPATH)
    parser = _Parser(language, _TESTED_MODES if testing else _MAP_MODES, map_objects)
    root = parser.scope(definition, (), "")
    timeout = definition.get("TimeoutSeconds", 0)
    return StateMachine(
        root=root, language=language, timeout_seconds=timeout, searches=_searches(definition), scopes=parser.scopes
    )


def _searches(part: Any) -> bool:
    """True if a JSONPath somewhere in it can look at more nodes than it has names."""
    if isinstance(part, dict):
        return any(map(_searches, part.values()))
    if isinstance(part, list):
        return any(map(_searches, part))
    return isinstance(part, str) and part.startswith(("$", "States.")) and _SEARCH.search(part) is not None


#: `..`, a filter, a list of names or indexes, a wildcard below a wildcard.
_SEARCH: Final = re.compile(r"\.\.|\[\s*\?|\[[^]]*,|\*.*\*")


class _Parser:
    """Collects the scopes of one machine, inner ones included."""

    def __init__(self, language: Language, map_modes: Mapping[str, _Make], map_objects: bool) -> None:
        self.language = language
        self.map_modes = map_modes
        self.map_objects = map_objects
        self.scopes: dict[ScopePath, Scope] = {}

    def scope(self, source: Json, path: ScopePath, location: str) -> Scope:
        """`path` is where the scope stands in the definition, `location` the same for people."""
        try:
            start_at, sources = source["StartAt"], source["States"]
            states = {
                name: self.state(name, state, (*path, "States", name), f"{location}/States/{name}")
                for name, state in sources.items()
            }
        except (KeyError, AttributeError) as error:
            raise DefinitionError(f"These fields are required: [{error}]", location or "/") from None
        if start_at not in states:
            raise DefinitionError(f"Missing 'Next' target: {start_at}", f"{location}/StartAt")
        made = Scope(path=path, start_at=start_at, states=states)
        self.scopes[path] = made
        return made

    def state(self, name: str, source: Json, path: ScopePath, location: str) -> State:
        make = _STATES.get(source.get("Type", ""))
        if make is None:
            raise DefinitionError(f"{source.get('Type')!r} is not a type of state", f"{location}/Type")
        language: Language = source.get("QueryLanguage", self.language)
        common = {
            "name": name,
            "type": source["Type"],
            "language": language,
            "flow": _flow(source, language, location),
            "next": source.get("Next"),
        }
        try:
            return make(self, source, common, path, location)
        except DefinitionError as error:
            if error.location:
                raise
            raise DefinitionError(error.reason, location) from None
        except (PathSyntaxError, IntrinsicSyntaxError) as error:
            raise DefinitionError(str(error), location) from None
        except KeyError as error:
            raise DefinitionError(f"These fields are required: [{error}]", location) from None


# -- data flow ----------------------------------------------------------------


def _flow(source: Json, language: Language, location: str) -> Flow:
    try:
        if language == JSONATA:
            return Flow(
                arguments=_template(source, "Arguments", JSONATA),
                output=_template(source, "Output", JSONATA),
                assign=_template(source, "Assign", JSONATA),
            )
        parameters = None if source["Type"] == "Map" else _template(source, "Parameters", JSONPATH)
        return Flow(
            input_path=_pick(source, "InputPath"),
            parameters=parameters,
            result_selector=_template(source, "ResultSelector", JSONPATH),
            result_path=_placement(source),
            output_path=_pick(source, "OutputPath"),
            assign=_template(source, "Assign", JSONPATH),
        )
    except (PathSyntaxError, IntrinsicSyntaxError) as error:
        raise DefinitionError(str(error), location) from None


def _template(source: Json, field: str, language: Language, within: str = "") -> Template | None:
    """`within` is where `source` stands in its state (`Catch[0]`), for AWS's names of fields in messages."""
    return compile_template(source[field], language, _place(within, field)) if field in source else None


def _place(within: str, field: str) -> str:
    return f"{within}/{field}" if within else field


def _pick(source: Json, field: str) -> Template | None:
    """InputPath, OutputPath: None for the default `$`; null is an empty object."""
    text = source.get(field, "$")
    if text is None:
        return Fixed(Payload.of({}))
    return None if text == "$" else selector(text)


def _placement(source: Json) -> Placement | None:
    text = source.get("ResultPath", "$")
    if text is None:
        return Placement()
    return None if text == "$" else Placement(path=compile_reference(text))


def quantity(source: Json, field: str, language: Language, within: str = "") -> Quantity | None:
    """`field`, or its twin `fieldPath`."""
    if field in source:
        return Quantity(field, compile_template(source[field], language, _place(within, field)))
    twin = f"{field}Path"
    return Quantity(twin, selector(source[twin])) if twin in source else None


# -- Retry and Catch ----------------------------------------------------------


def _retriers(source: Json) -> tuple[Retrier, ...]:
    return tuple(
        Retrier(
            error_equals=tuple(entry["ErrorEquals"]),
            interval_s=entry.get("IntervalSeconds", 1),
            max_attempts=entry.get("MaxAttempts", 3),
            backoff_rate=float(entry.get("BackoffRate", 2.0)),
            max_delay_s=entry.get("MaxDelaySeconds"),
            full_jitter=entry.get("JitterStrategy") == "FULL",
        )
        for entry in source.get("Retry", ())
    )


def _catchers(source: Json, language: Language) -> tuple[Catcher, ...]:
    return tuple(
        Catcher(
            error_equals=tuple(entry["ErrorEquals"]),
            next=entry["Next"],
            result_path=_placement(entry),
            output=_template(entry, "Output", JSONATA, f"Catch[{index}]") if language == JSONATA else None,
            assign=_template(entry, "Assign", language, f"Catch[{index}]"),
        )
        for index, entry in enumerate(source.get("Catch", ()))
    )


def _working(source: Json, common: dict[str, Any]) -> dict[str, Any]:
    catchers = _catchers(source, common["language"])
    return {**common, "retriers": _retriers(source), "catchers": catchers}


# -- states -------------------------------------------------------------------


def _task(parser: _Parser, source: Json, common: dict[str, Any], path: ScopePath, location: str) -> State:
    language = common["language"]
    resource = split_resource(source["Resource"])
    if resource is None:
        raise DefinitionError(f"The resource provided {source['Resource']} is not recognized", f"{location}/Resource")
    return Task(
        **_working(source, common),
        resource=resource,
        timeout=quantity(source, "TimeoutSeconds", language),
        heartbeat=quantity(source, "HeartbeatSeconds", language),
        role=_template(source, "Credentials", language),
    )


def _pass(parser: _Parser, source: Json, common: dict[str, Any], path: ScopePath, location: str) -> State:
    return Pass(**common, result=Payload.of(source["Result"]) if "Result" in source else None)


def _wait(parser: _Parser, source: Json, common: dict[str, Any], path: ScopePath, location: str) -> State:
    language = common["language"]
    for field, kind in (("Seconds", "seconds"), ("Timestamp", "timestamp")):
        until: dict[str, Any] = {}
        if field in source:
            until[kind] = compile_template(source[field], language, field)
        elif f"{field}Path" in source:
            until[kind] = selector(source[f"{field}Path"])
        if until:
            return Wait(**common, **until)
    raise DefinitionError("A Wait needs Seconds, Timestamp, SecondsPath or TimestampPath")


def _choice(parser: _Parser, source: Json, common: dict[str, Any], path: ScopePath, location: str) -> State:
    language = common["language"]
    rules = []
    for index, entry in enumerate(source["Choices"]):
        within = f"Choices[{index}]"
        try:
            if language == JSONATA:
                test = choice.compile_condition(entry["Condition"], f"{within}/Condition")
            else:
                test = choice.compile_test(entry)
        except DefinitionError as error:
            raise DefinitionError(error.reason, f"{location}/{within}") from None
        output = _template(entry, "Output", JSONATA, within) if language == JSONATA else None
        assign = _template(entry, "Assign", language, within)
        rules.append(Rule(test=test, next=entry["Next"], assign=assign, output=output))
    return Choice(**{**common, "next": source.get("Default")}, rules=tuple(rules))


def _succeed(parser: _Parser, source: Json, common: dict[str, Any], path: ScopePath, location: str) -> State:
    return Succeed(**common)


def _fail(parser: _Parser, source: Json, common: dict[str, Any], path: ScopePath, location: str) -> State:
    found: dict[str, Template | None] = {}
    for field in ("Error", "Cause"):
        twin = f"{field}Path"
        found[field] = dynamic(source[twin], twin) if twin in source else _template(source, field, common["language"])
    return Fail(**common, error=found["Error"], cause=found["Cause"])


def _parallel(parser: _Parser, source: Json, common: dict[str, Any], path: ScopePath, location: str) -> State:
    branches = tuple(
        parser.scope(branch, (*path, "Branches", index), f"{location}/Branches[{index}]")
        for index, branch in enumerate(source["Branches"])
    )
    return Parallel(**_working(source, common), branches=branches)


def _map(parser: _Parser, source: Json, common: dict[str, Any], path: ScopePath, location: str) -> State:
    processor = source.get("ItemProcessor", source.get("Iterator"))
    if processor is None:
        raise DefinitionError("A Map needs an ItemProcessor")
    mode = processor.get("ProcessorConfig", {}).get("Mode", "INLINE")
    if mode not in parser.map_modes:
        raise DefinitionError(f"{mode!r} is not a mode of Map", f"{location}/ItemProcessor/ProcessorConfig/Mode")
    return parser.map_modes[mode](parser, source, common, path, location)


def _inline_map(parser: _Parser, source: Json, common: dict[str, Any], path: ScopePath, location: str) -> State:
    return Map(**_map_fields(parser, source, common, path, location))


def _map_fields(
    parser: _Parser, source: Json, common: dict[str, Any], path: ScopePath, location: str
) -> dict[str, Any]:
    """What both modes have."""
    language = common["language"]
    field = "ItemProcessor" if "ItemProcessor" in source else "Iterator"
    chosen = "ItemSelector" if "ItemSelector" in source else "Parameters"
    return {
        **_working(source, common),
        "processor": parser.scope(source[field], (*path, field), f"{location}/{field}"),
        "items": _template(source, "Items", JSONATA) if language == JSONATA else _pick(source, "ItemsPath"),
        "items_text": source.get("ItemsPath", "$"),
        "item_selector": _template(source, chosen, language),
        "max_concurrency": quantity(source, "MaxConcurrency", language),
        "objects": parser.map_objects,
    }


def _distributed_map(parser: _Parser, source: Json, common: dict[str, Any], path: ScopePath, location: str) -> State:
    language = common["language"]
    processor = source.get("ItemProcessor", source.get("Iterator", {}))
    return DistributedMap(
        **_map_fields(parser, source, common, path, location),
        child_type=processor["ProcessorConfig"].get("ExecutionType", "STANDARD"),
        label=source.get("Label", ""),
        reader=item_reader(source["ItemReader"], language) if "ItemReader" in source else None,
        batcher=_batcher(source["ItemBatcher"], language) if "ItemBatcher" in source else None,
        writer=_writer(source["ResultWriter"], language) if "ResultWriter" in source else None,
        tolerated_count=quantity(source, "ToleratedFailureCount", language),
        tolerated_percentage=quantity(source, "ToleratedFailurePercentage", language),
    )


def item_reader(source: Json, language: Language) -> ItemReader:
    """The ItemReader of a Map that was validated."""
    config = source.get("ReaderConfig", {})
    fixed = {name: value for name, value in config.items() if name not in ("MaxItems", "MaxItemsPath")}
    return ItemReader(
        action=source["Resource"].rpartition(":")[2],
        arguments=compile_template(source.get(_given(language), {}), language, f"ItemReader/{_given(language)}"),
        config=compile_template(fixed, language, "ItemReader/ReaderConfig"),
        max_items=quantity(config, "MaxItems", language, "ItemReader/ReaderConfig"),
    )


def _batcher(source: Json, language: Language) -> ItemBatcher:
    return ItemBatcher(
        max_items=quantity(source, "MaxItemsPerBatch", language, "ItemBatcher"),
        max_bytes=quantity(source, "MaxInputBytesPerBatch", language, "ItemBatcher"),
        batch_input=_template(source, "BatchInput", language, "ItemBatcher"),
    )


def _writer(source: Json, language: Language) -> ResultWriter:
    arguments = compile_template(source.get(_given(language), {}), language, f"ResultWriter/{_given(language)}")
    return ResultWriter(
        arguments=arguments if "Resource" in source else None,
        config=compile_template(source.get("WriterConfig", {}), language, "ResultWriter/WriterConfig"),
    )


def _given(language: Language) -> str:
    return "Arguments" if language == JSONATA else "Parameters"


_Make = Callable[[_Parser, Json, dict[str, Any], ScopePath, str], State]
_MAP_MODES: Final[dict[str, _Make]] = {"INLINE": _inline_map, "DISTRIBUTED": _distributed_map}
_TESTED_MODES: Final[dict[str, _Make]] = {"INLINE": _inline_map, "DISTRIBUTED": _inline_map}
_STATES: Final[dict[str, _Make]] = {
    "Task": _task,
    "Pass": _pass,
    "Wait": _wait,
    "Choice": _choice,
    "Succeed": _succeed,
    "Fail": _fail,
    "Parallel": _parallel,
    "Map": _map,
}
