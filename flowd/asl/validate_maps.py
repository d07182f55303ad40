"""What a Map has beside its processor: ItemReader, ItemBatcher, ResultWriter; and how its processor is configured."""

from __future__ import annotations

from typing import Any, Final

from flowd.asl import schema
from flowd.asl.diagnostics import INVALID_RESOURCE, Report, at
from flowd.asl.validate_data import (
    check_enum,
    check_fields,
    check_jsonata,
    check_one_of,
    expect,
    expression,
    require,
)
from flowd.asl.validate_fields import Check, Here, check_language, check_twins, data_path, number, template

DISTRIBUTED_ONLY: Final = ("ItemReader", "ItemBatcher", "Label")


def is_distributed(processor: Any) -> bool:
    """True if an ItemProcessor asks for child executions."""
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    return isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED"


def check_processor_config(here: Here, config: Any, location: str) -> None:
    """Mode and ExecutionType."""
    report = here.report
    if not expect(report, config, "Object", location):
        return
    check_fields(report, config, frozenset({"Mode", "ExecutionType"}), location)
    for name in ("Mode", "ExecutionType"):
        if name in config:
            check_enum(report, name, config[name], at(location, name))
    if config.get("Mode") == "DISTRIBUTED":
        if here.run.express:
            text = "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines"
            report.error(text, at(location, "Mode"))
        require(report, config, ("ExecutionType",), location)
    elif "ExecutionType" in config:
        report.error("Field 'ExecutionType' is not supported", location)


def check_map_parts(here: Here, distributed: bool) -> None:
    """ItemReader, ItemBatcher and ResultWriter."""
    state, report = here.state, here.report
    for name in DISTRIBUTED_ONLY:
        if name in state and not distributed:
            report.error(f"Field '{name}' is only supported with ProcessorConfig Mode DISTRIBUTED", here.location)
    for name, check in _PARTS.items():
        if name in state and expect(report, state[name], "Object", at(here.location, name)):
            check(here, state[name], at(here.location, name))


# --- ItemReader ------------------------------------------------------------------------------------------------------


def _reader(here: Here, reader: dict[str, Any], location: str) -> None:
    report = here.report
    check_fields(report, reader, schema.ITEM_READER, location)
    check_language(here, reader, location)
    if require(report, reader, ("Resource",), location):
        _check_s3(report, reader["Resource"], at(location, "Resource"), schema.READER_ACTIONS)
    _arguments(here, reader, location)
    place = at(location, "ReaderConfig")
    config = reader.get("ReaderConfig", {})
    if not expect(report, config, "Object", place):
        return
    check_fields(report, config, schema.READER_CONFIG, place)
    check_language(here, config, place)
    check_twins(here, config, place)
    _check_csv(report, config, place)
    for name, value in config.items():
        if name in _READER_CONFIG:
            _READER_CONFIG[name](here, name, value, at(place, name))
        unbuilt = schema.UNBUILT_READERS.get((name, str(value)))
        if unbuilt is not None:
            report.error(unbuilt, at(place, name), INVALID_RESOURCE)


def _literal(here: Here, name: str, value: Any, location: str) -> None:
    if not _is_expression(here, value):
        check_enum(here.report, name, value, location)


def _transformation(here: Here, name: str, value: Any, location: str) -> None:
    if not _is_expression(here, value):
        check_one_of(here.report, schema.READER_TRANSFORMATIONS, value, location)


def _pointer(here: Here, name: str, value: Any, location: str) -> None:
    expect(here.report, value, "String", location)


def _path(here: Here, name: str, value: Any, location: str) -> None:
    if not here.is_jsonata:
        data_path(here, name, value, location)


def _headers(here: Here, name: str, value: Any, location: str) -> None:
    """The names of a CSV file's columns: texts, or in JSONata an expression that gives them."""
    if _is_expression(here, value):
        check_jsonata(here.report, value, location)
    elif expect(here.report, value, "Array", location):
        for index, header in enumerate(value):
            expect(here.report, header, "String", at(location, index))


_READER_CONFIG: Final[dict[str, Check]] = {
    **dict.fromkeys(schema.ENUMS, _literal),
    "CSVHeaders": _headers,
    "ItemsPointer": _pointer,
    "MaxItems": number,
    "MaxItemsPath": _path,
    "Transformation": _transformation,
}


def _check_csv(report: Report, config: dict[str, Any], location: str) -> None:
    """What a CSV file needs to be told, and no other."""
    if config.get("InputType") == "CSV" and "CSVHeaderLocation" not in config:
        report.error("The field 'CSVHeaderLocation' is required", location)
    if config.get("InputType") == "JSON" and "CSVHeaderLocation" in config:
        report.error("Field 'CSVHeaderLocation' is not supported", location)
    if config.get("CSVHeaderLocation") == "GIVEN":
        require(report, config, ("CSVHeaders",), location)


# --- ItemBatcher and ResultWriter -------------------------------------------------------------------------------------


def _batcher(here: Here, batcher: dict[str, Any], location: str) -> None:
    report = here.report
    check_fields(report, batcher, schema.ITEM_BATCHER, location)
    check_language(here, batcher, location)
    check_twins(here, batcher, location)
    if not any(name.startswith("Max") for name in batcher):
        report.error("ItemBatcher needs MaxItemsPerBatch or MaxInputBytesPerBatch", location)
    for name, value in batcher.items():
        if name in schema.NUMBERS:
            number(here, name, value, at(location, name))
        elif name.endswith("Path") and not here.is_jsonata:
            data_path(here, name, value, at(location, name))
        elif name == "BatchInput":
            template(here, name, value, at(location, name))


def _writer(here: Here, writer: dict[str, Any], location: str) -> None:
    report = here.report
    check_fields(report, writer, schema.RESULT_WRITER, location)
    check_language(here, writer, location)
    _arguments(here, writer, location)
    if "Resource" in writer:
        _check_s3(report, writer["Resource"], at(location, "Resource"), schema.WRITER_ACTIONS)
    elif "WriterConfig" not in writer:
        require(report, writer, ("Resource",), location)
    place = at(location, "WriterConfig")
    config = writer.get("WriterConfig", {})
    if not expect(report, config, "Object", place):
        return
    check_fields(report, config, frozenset(schema.WRITER_CONFIG), place)
    for name, values in schema.WRITER_CONFIG.items():
        if name in config and not (here.is_jsonata and expression(config[name])):
            check_one_of(report, values, config[name], at(place, name))


def _check_s3(report: Report, resource: Any, location: str, actions: tuple[str, ...]) -> None:
    allowed = [f"arn:aws:states:::s3:{action}" for action in actions]
    if expect(report, resource, "String", location) and resource not in allowed:
        report.error("The field 'Resource' does not match any of the allowed values", location)


def _arguments(here: Here, part: dict[str, Any], location: str) -> None:
    name = "Arguments" if here.is_jsonata else "Parameters"
    if name in part:
        template(here, name, part[name], at(location, name))


def _is_expression(here: Here, value: Any) -> bool:
    return here.is_jsonata and expression(value) is not None


_PARTS: Final = {"ItemReader": _reader, "ItemBatcher": _batcher, "ResultWriter": _writer}
