"""Maps over objects: refused, or with the setting an iteration for each pair, in both languages and modes."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from flowd.asl.datasets import BadDataset, Pair, file_items
from flowd.asl.host import Host, new_execution
from flowd.asl.parse import parse
from flowd.clock import ManualClock
from tests.driver import careful_step

PASS = {"Type": "Pass", "End": True}
PAIRS = [{"Key": "b", "Value": 2}, {"Key": "a", "Value": {"x": 1}}]
GIVEN = {"b": 2, "a": {"x": 1}}


def a_map(language: str, **fields: Any) -> dict[str, Any]:
    inner = {"StartAt": "I", "States": {"I": PASS}}
    state = {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": inner, "End": True, **fields}
    return {"QueryLanguage": language, "StartAt": "M", "States": {"M": state}}


def run(definition: dict[str, Any], given: Any, map_objects: bool = True) -> Host:
    machine = parse(json.dumps(definition), map_objects=map_objects)
    now_ms = ManualClock().now_ms()
    host = Host(machine, new_execution(json.dumps(given), now_ms), take=careful_step)
    host.start(now_ms)
    return host


def output(host: Host) -> Any:
    assert host.closed is not None and host.closed.output is not None, host.closed
    return host.closed.output.value


@pytest.mark.parametrize(
    ("definition", "given"),
    [
        pytest.param(a_map("JSONPath"), GIVEN, id="the input"),
        pytest.param(a_map("JSONPath", ItemsPath="$.in"), {"in": GIVEN}, id="ItemsPath"),
        pytest.param(a_map("JSONata"), GIVEN, id="the input of JSONata"),
        pytest.param(a_map("JSONata", Items="{% $states.input.in %}"), {"in": GIVEN}, id="an expression"),
        pytest.param(a_map("JSONata", Items=GIVEN), {}, id="an object of expressions"),
    ],
)
def test_each_pair_is_an_item_in_the_order_of_the_object(definition: dict[str, Any], given: Any) -> None:
    host = run(definition, given)
    assert output(host) == PAIRS
    assert [each.details for each in host.history if each.type == "MapStateStarted"] == [{"length": 2}]
    refused = run(definition, given, map_objects=False)
    assert refused.closed is not None and refused.closed.status == "FAILED"


def test_the_context_object_tells_key_and_value() -> None:
    selector = {"k.$": "$$.Map.Item.Key", "v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"}
    found = output(run(a_map("JSONPath", ItemSelector=selector), GIVEN))
    assert found == [{"k": "b", "v": 2, "i": 0}, {"k": "a", "v": {"x": 1}, "i": 1}]


def test_an_array_of_pairs_is_an_array() -> None:
    selector = {"v.$": "$$.Map.Item.Value"}
    assert output(run(a_map("JSONPath", ItemSelector=selector), PAIRS)) == [{"v": pair} for pair in PAIRS]


def test_an_empty_object_has_no_pairs() -> None:
    assert output(run(a_map("JSONPath"), {})) == []


@pytest.mark.parametrize("given", [1, "x", None, True])
def test_what_is_neither_array_nor_object_is_refused_all_the_same(given: Any) -> None:
    host = run(a_map("JSONPath", ItemsPath="$.in"), {"in": given})
    assert host.closed is not None and host.closed.status == "FAILED"


def items(text: str, objects: bool = True, **config: Any) -> list[Any]:
    return list(file_items(io.StringIO(text, newline=""), {"InputType": "JSON", **config}, objects))


def test_a_file_that_holds_an_object_is_read_pair_by_pair() -> None:
    found = items(json.dumps(GIVEN))
    assert (found, all(isinstance(each, Pair) for each in found)) == (PAIRS, True)
    assert items(json.dumps({"in": GIVEN}), ItemsPointer="/in") == PAIRS
    assert items("[1]") == [1]
    assert items("{}") == []
    with pytest.raises(BadDataset, match="non-iterable"):
        items(json.dumps(GIVEN), objects=False)


@pytest.mark.parametrize("text", ['{"a":1,}', '{"a"}', '{"a":1 "b":2}', "{1:2}", '{"a":1', '{"a":1}x'])
def test_a_file_that_holds_no_whole_object_is_refused(text: str) -> None:
    with pytest.raises(BadDataset):
        items(text)
