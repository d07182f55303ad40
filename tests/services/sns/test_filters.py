"""Filter policies: a table of policy, what is looked at, verdict (SNS developer guide, "Filter policy syntax")."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.services.ports import ServiceError
from flowd.services.sns.filters import attributes_match, body_matches, read


def text(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def number(value: str) -> dict[str, Any]:
    return {"DataType": "Number", "StringValue": value}


def array(*values: Any) -> dict[str, Any]:
    return {"DataType": "String.Array", "StringValue": json.dumps(values)}


@pytest.mark.parametrize(
    ("policy", "attributes", "wanted"),
    [
        ({"a": ["x", "y"]}, {"a": text("y")}, True),
        ({"a": ["x", "y"]}, {"a": text("z")}, False),
        ({"a": ["x"]}, {}, False),
        ({"a": ["x"], "b": ["y"]}, {"a": text("x"), "b": text("y")}, True),
        ({"a": ["x"], "b": ["y"]}, {"a": text("x")}, False),
        ({"a": [{"prefix": "big"}]}, {"a": text("bigger")}, True),
        ({"a": [{"suffix": "ger"}]}, {"a": text("bigger")}, True),
        ({"a": [{"suffix": "big"}]}, {"a": text("bigger")}, False),
        ({"a": [{"equals-ignore-case": "TENNIS"}]}, {"a": text("tennis")}, True),
        ({"a": [{"wildcard": "*ba*l"}]}, {"a": text("baseball")}, True),
        ({"a": [{"wildcard": "*b\\*l"}]}, {"a": text("ball")}, False),
        ({"a": [{"anything-but": ["rugby", "tennis"]}]}, {"a": text("baseball")}, True),
        ({"a": [{"anything-but": ["rugby", "tennis"]}]}, {"a": text("rugby")}, False),
        ({"a": [{"anything-but": ["rugby"]}]}, {}, False),
        ({"a": [{"anything-but": {"prefix": "order-"}}]}, {"a": text("data-entry")}, True),
        ({"a": [{"anything-but": {"prefix": "order-"}}]}, {"a": text("order-number")}, False),
        ({"a": [{"anything-but": [100, 500]}]}, {"a": number("101")}, True),
        ({"a": [{"anything-but": [100, 500]}]}, {"a": number("100.0")}, False),
        ({"a": [{"exists": True}]}, {"a": text("any")}, True),
        ({"a": [{"exists": True}]}, {}, False),
        ({"a": [{"exists": False}]}, {}, True),
        ({"a": [{"exists": False}]}, {"a": text("any")}, False),
        ({"a": [{"numeric": ["=", 301.5]}]}, {"a": number("3.015e2")}, True),
        ({"a": [{"numeric": [">", 0, "<=", 150]}]}, {"a": number("150")}, True),
        ({"a": [{"numeric": [">", 0, "<=", 150]}]}, {"a": number("0")}, False),
        ({"a": [{"numeric": ["<", 5]}]}, {"a": text("3")}, False),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": text("10.0.0.255")}, True),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": text("10.1.1.0")}, False),
        ({"a": ["rugby"]}, {"a": array("soccer", "rugby")}, True),
        ({"a": [{"anything-but": ["rugby"]}]}, {"a": array("soccer", "rugby")}, True),
        ({"a": [5, True, None]}, {"a": array(True)}, True),
        ({"a": [5]}, {"a": array(True)}, False),
        ({"a": ["x"]}, {"a": {"DataType": "Binary", "BinaryValue": b"x"}}, False),
        ({"$or": [{"a": ["x"]}, {"b": [{"numeric": [">", 3]}]}]}, {"b": number("4")}, True),
        ({"$or": [{"a": ["x"]}, {"b": [{"numeric": [">", 3]}]}]}, {"b": number("3")}, False),
    ],
)
def test_attributes_are_matched(policy: dict[str, Any], attributes: dict[str, Any], wanted: bool) -> None:
    assert attributes_match(read(json.dumps(policy), "MessageAttributes"), attributes) is wanted


@pytest.mark.parametrize(
    ("policy", "body", "wanted"),
    [
        ({"store": ["shop"]}, '{"store":"shop"}', True),
        ({"store": ["shop"]}, "not json", False),
        ({"store": ["shop"]}, '["store"]', False),
        ({"order": {"price": [{"numeric": [">=", 100]}]}}, '{"order":{"price":100}}', True),
        ({"order": {"price": [{"numeric": [">=", 100]}]}}, '{"order":{"price":99}}', False),
        ({"order": {"price": [{"numeric": [">=", 100]}]}}, '{"order":7}', False),
        ({"items": {"kind": ["book"]}}, '{"items":[{"kind":"pen"},{"kind":"book"}]}', True),
        ({"tags": ["a"]}, '{"tags":["b","a"]}', True),
        ({"gone": [None]}, '{"gone":null}', True),
        ({"gone": [{"exists": False}]}, "{}", True),
        ({"ok": [True]}, '{"ok":1}', False),
    ],
)
def test_bodies_are_matched(policy: dict[str, Any], body: str, wanted: bool) -> None:
    assert body_matches(read(json.dumps(policy), "MessageBody"), body) is wanted


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("{", "failed to parse JSON"),
        ("[]", "must be an object"),
        ('{"a":"x"}', "must be an object or an array"),
        ('{"a":[]}', "Empty arrays"),
        ('{"a":{"b":["x"]}}', "nested"),
        ('{"a":[["x"]]}', "Match value"),
        ('{"a":[{"like":"x"}]}', "Unrecognized match type like"),
        ('{"a":[{"prefix":1}]}', "must be a string"),
        ('{"a":[{"exists":"yes"}]}', "true or false"),
        ('{"a":[{"numeric":["=","x"]}]}', "must be numeric"),
        ('{"a":[{"numeric":["<>",1]}]}', "range operator"),
        ('{"a":[{"numeric":["<",1,">",0]}]}', "lower bound"),
        ('{"a":[{"anything-but":{"exists":true}}]}', "anything-but"),
        ('{"a":[{"cidr":"x"}]}', "CIDR"),
        ('{"$or":[{"a":["x"]}]}', "at least two"),
        (json.dumps({str(n): ["x"] for n in range(6)}), "more than 5 keys"),
        (json.dumps({str(n): ["x"] * 6 for n in range(3)}), "too complex"),
    ],
)
def test_a_policy_that_is_none_is_refused_with_the_reason(policy: str, reason: str) -> None:
    with pytest.raises(ServiceError, match=reason):
        read(policy, "MessageAttributes")
