"""Event patterns: one row per rule of the grammar, what fits and what does not; and what is no pattern."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.services.events.patterns import compiled
from flowd.services.ports import ServiceError

EVENT: dict[str, Any] = {
    "source": "shop",
    "detail-type": "Order",
    "detail": {
        "state": "paid",
        "total": 30,
        "share": 0.5,
        "ip": "10.0.0.7",
        "tags": ["new", "gift"],
        "lines": [{"sku": "lamp", "n": 1}, {"sku": "desk", "n": 2}],
        "note": None,
        "express": True,
        "path": "a/b*c/photo.JPG",
        "none": [],
        "to": {"city": "Köln"},
    },
}


def fits(**detail: Any) -> bool:
    return compiled(json.dumps({"detail": detail}))(EVENT)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"state": ["paid"]}, True),
        ({"state": ["open", "paid"]}, True),
        ({"state": ["open"]}, False),
        ({"state": ["paid"], "total": [31]}, False),
        ({"missing": ["x"]}, False),
        ({"total": [30]}, True),
        ({"total": [30.0]}, False),
        ({"total": ["30"]}, False),
        ({"note": [None]}, True),
        ({"express": [True]}, True),
        ({"express": [1]}, False),
        ({"tags": ["gift"]}, True),
        ({"lines": {"sku": ["desk"]}}, True),
        ({"lines": {"sku": ["desk"], "n": [2]}}, True),
        ({"lines": {"sku": ["desk"], "n": [1]}}, False),
        ({"to": {"city": ["Köln"]}}, True),
        ({"state": {"deeper": ["x"]}}, False),
        ({"state": [{"prefix": "pa"}]}, True),
        ({"state": [{"prefix": "ai"}]}, False),
        ({"state": [{"prefix": {"equals-ignore-case": "PA"}}]}, True),
        ({"path": [{"suffix": ".JPG"}]}, True),
        ({"path": [{"suffix": ".jpg"}]}, False),
        ({"path": [{"suffix": {"equals-ignore-case": ".jpg"}}]}, True),
        ({"total": [{"prefix": "3"}]}, False),
        ({"state": [{"equals-ignore-case": "PAID"}]}, True),
        ({"path": [{"wildcard": "a/*.JPG"}]}, True),
        ({"path": [{"wildcard": "*photo*"}]}, True),
        ({"path": [{"wildcard": "a/b\\*c/*"}]}, True),
        ({"path": [{"wildcard": "a/*.PNG"}]}, False),
        ({"total": [{"numeric": ["=", 30]}]}, True),
        ({"total": [{"numeric": [">", 0, "<=", 30]}]}, True),
        ({"total": [{"numeric": [">", 30]}]}, False),
        ({"share": [{"numeric": ["<", 1]}]}, True),
        ({"express": [{"numeric": [">=", 0]}]}, False),
        ({"state": [{"exists": True}]}, True),
        ({"missing": [{"exists": False}]}, True),
        ({"state": [{"exists": False}]}, False),
        ({"to": [{"exists": True}]}, False),
        ({"none": [{"exists": False}]}, True),
        ({"missing": {"deeper": [{"exists": False}]}}, True),
        ({"missing": [{"exists": False}, "x"]}, True),
        ({"ip": [{"cidr": "10.0.0.0/24"}]}, True),
        ({"ip": [{"cidr": "10.0.1.0/24"}]}, False),
        ({"state": [{"cidr": "10.0.0.0/24"}]}, False),
        ({"state": [{"anything-but": "open"}]}, True),
        ({"state": [{"anything-but": ["open", "paid"]}]}, False),
        ({"total": [{"anything-but": [1, 2]}]}, True),
        ({"missing": [{"anything-but": "x"}]}, False),
        ({"state": [{"anything-but": {"prefix": "pa"}}]}, False),
        ({"state": [{"anything-but": {"suffix": ["x", "id"]}}]}, False),
        ({"state": [{"anything-but": {"wildcard": "o*"}}]}, True),
        ({"state": [{"anything-but": {"equals-ignore-case": ["PAID"]}}]}, False),
        ({"tags": [{"anything-but": "gift"}]}, True),
        ({"$or": [{"state": ["open"]}, {"total": [30]}]}, True),
        ({"$or": [{"state": ["open"]}, {"total": [31]}]}, False),
        ({"express": [True], "$or": [{"state": ["paid"]}, {"total": [31]}]}, True),
    ],
)
def test_a_pattern_fits_or_not(pattern: dict[str, Any], expected: bool) -> None:
    assert fits(**pattern) is expected


def test_all_fields_of_a_pattern_must_fit() -> None:
    assert compiled('{"source": ["shop"], "detail-type": ["Order"]}')(EVENT)
    assert not compiled('{"source": ["shop"], "detail-type": ["Return"]}')(EVENT)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "it is no JSON"),
        ("[]", "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        ('{"source": "shop"}', '"source" must be an object or an array at source'),
        ('{"source": []}', "Empty arrays are not allowed at source"),
        ('{"a": {"b": [["x"]]}}', "Arrays within an array are not allowed at a.b"),
        ('{"a": [{"like": "x"}]}', "Unrecognized match type like at a"),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', "Only one key allowed in match expression at a"),
        ('{"a": [{"prefix": 3}]}', "prefix match pattern must be a string at a"),
        ('{"a": [{"prefix": ""}]}', "prefix match pattern must not be empty at a"),
        ('{"a": [{"wildcard": "a**b"}]}', "Consecutive wildcard characters are not allowed at a"),
        ('{"a": [{"wildcard": "a\\\\b"}]}', "Invalid escape character in wildcard at a"),
        ('{"a": [{"numeric": ["~", 5]}]}', "Unrecognized numeric range operator: ~ at a"),
        ('{"a": [{"numeric": ["=", "5"]}]}', "Value of = must be a number"),
        ('{"a": [{"numeric": [5]}]}', "Value of numeric must be an array"),
        ('{"a": [{"numeric": [">", 1, ">", 2]}]}', "A numeric range has a lower and an upper end"),
        ('{"a": [{"exists": "yes"}]}', "exists match pattern must be either true or false at a"),
        ('{"a": [{"cidr": "10.0.0.0/99"}]}', "Malformed CIDR: 10.0.0.0/99 at a"),
        ('{"a": [{"anything-but": []}]}', "Inside anything but list"),
        ('{"a": [{"anything-but": {"numeric": ["=", 1]}}]}', "Unsupported anything-but pattern"),
        ('{"$or": [{"a": ["x"]}]}', "There must be at least 2 objects in the array of $or"),
        ('{"a": ["x"], "b": ["y"], "a": ["z"]}', "Path a cannot be allowed multiple times"),
        ('{"a": [NaN]}', "it is no JSON: NaN"),
        ('{"a":' * 500 + '["x"]' + "}" * 500, "it has more than 100 levels"),
    ],
)
def test_what_is_no_pattern_says_why(text: str, reason: str) -> None:
    with pytest.raises(ServiceError) as caught:
        compiled(text)
    assert caught.value.code == "InvalidEventPatternException"
    assert caught.value.message.startswith("Event pattern is not valid. Reason: ")
    assert reason in caught.value.message


def test_a_pattern_may_not_be_longer_than_aws_takes() -> None:
    with pytest.raises(ServiceError, match="4,096"):
        compiled(json.dumps({"a": ["x" * 5000]}))
