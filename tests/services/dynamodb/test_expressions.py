from __future__ import annotations

from typing import Any

import pytest

from flowd.errors import ApiError
from tests.services.box import Box
from tests.services.dynamodb.shop import T, get, key, put, refusal, update

V: dict[str, Any] = {":s": {"S": "b"}, ":n": {"N": "5"}, ":l": {"L": [{"N": "5"}]}, ":t": {"S": "N"}}


def condition(box: Box, text: str) -> str:
    """`true`, `false`, or what it is refused with; values that the text does not use are not given."""
    values = {name: value for name, value in V.items() if name in text}
    given = {"ExpressionAttributeValues": values} if values else {}
    try:
        box("PutItem", **T, Item=ITEM, ConditionExpression=text, **given)
    except Exception as error:
        said = str(error)
        return "false" if said == "The conditional request failed" else said
    return "true"


ITEM: dict[str, Any] = {
    **key("a"),
    "s": {"S": "abc"},
    "num": {"N": "5.0"},
    "l": {"L": [{"N": "5"}, {"S": "b"}]},
    "m": {"M": {"x": {"N": "7"}, "b": {"S": "b"}}},
    "strs": {"SS": ["a", "b"]},
    "bin1": {"B": b"abc"},
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("num = :n", "true"),
        ("num <> :n", "false"),
        ("zzz <> :n", "true"),
        ("zzz = :n", "false"),
        ("zzz = yyy", "false"),
        ("zzz <> yyy", "true"),
        ("NOT zzz = :n", "true"),
        ("num >= :n and num <= :n", "true"),
        ("s > :s", "false"),
        ("num < :s", "false"),
        ("m.x > :n AND l[0] = :n AND l[9] <> :n", "true"),
        ("num BETWEEN :n AND m.x", "true"),
        ("num in (:s, :n)", "true"),
        ("m.b IN (l[1])", "true"),
        ("attribute_exists(m.b) or attribute_exists(zzz)", "true"),
        ("attribute_not_exists(m.zzz)", "true"),
        ("attribute_type(num, :t)", "true"),
        ("attribute_type(zzz, :t)", "false"),
        ("begins_with(s, :s)", "false"),
        ("contains(s, :s) AND contains(strs, :s) AND contains(l, :n)", "true"),
        ("contains(l, :s) AND NOT contains(m, :s)", "true"),
        ("size(s) < :n AND size(l) < :n AND size(strs) < :n AND size(bin1) < :n", "true"),
        ("size(num) < :n", "false"),
        ("num = :s OR (num = :n AND NOT (s = :s))", "true"),
        ("num = :n AND num = :s OR num = :n", "true"),
    ],
)
def test_conditions(ddb: Box, text: str, found: str) -> None:
    ddb("PutItem", **T, Item=ITEM)
    assert condition(ddb, text) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The expression can not be empty;"),
        ("num =", 'Syntax error; token: "<EOF>", near: "="'),
        ("num = :n :n", 'Syntax error; token: ":n", near: ":n :n"'),
        ("num @ :n", 'Syntax error; token: "@", near: "num @"'),
        ("status = :n", "Attribute name is a reserved keyword; reserved keyword: status"),
        ("num = :zz", "An expression attribute value used in expression is not defined; attribute value: :zz"),
        ("#zz = :n", "An expression attribute name used in the document path is not defined; attribute name: #zz"),
        ("nothing(num)", "Invalid function name; function: nothing"),
        ("if_not_exists(num, :n)", "The function is not allowed in a condition expression; function: if_not_exists"),
        ("size(num)", "The function is not allowed to be used this way in an expression; function: size"),
        ("num = contains(l, :n)", "not allowed to be used this way in an expression; function: contains"),
        ("contains(l)", "operator or function: contains, number of operands: 1"),
        ("attribute_exists(:n)", "requires a document path; operator or function: attribute_exists"),
        ("attribute_type(num, :s)", "Invalid attribute type name found; type: b, valid types: {B,NULL,SS,"),
        ("begins_with(s, :n)", "operator or function: begins_with, operand type: N"),
        ("num < :l", "Incorrect operand type for operator or function; operator or function: <, operand type: L"),
        ("num = num", "The first operand must be distinct from the remaining operands"),
        ("num BETWEEN :n AND :s", "requires same data type for lower and upper bounds"),
        ("((num = :n))", "The expression has redundant parentheses;"),
        ("NOT " * 200 + "num = :n", "nested deeper than 100 levels"),
        ("num = :n" + " OR num = :n" * 300, "too many operators; operator count: 301"),
        ("num = :n" + " " * 5000 + "AND num = :n", "Expression size has exceeded the maximum allowed size"),
    ],
)
def test_a_condition_that_cannot_be_is_refused_with_the_place_in_it(ddb: Box, text: str, words: str) -> None:
    told = condition(ddb, text)
    assert told.startswith("Invalid ConditionExpression: "), told
    assert words in told


def test_placeholders_are_all_used_and_all_defined_well(ddb: Box) -> None:
    one = {"ConditionExpression": "attribute_exists(x)"}
    put = {**T, "Item": key("a")}
    assert "Value provided in ExpressionAttributeValues unused in expressions: keys: {:n}" in refusal(
        ddb, "PutItem", put, **one, ExpressionAttributeValues={":n": {"N": "1"}}
    )
    assert "Value provided in ExpressionAttributeNames unused in expressions: keys: {#n}" in refusal(
        ddb, "PutItem", put, **one, ExpressionAttributeNames={"#n": "x"}
    )
    assert 'ExpressionAttributeNames contains invalid key: Syntax error; key: "n"' in refusal(
        ddb, "PutItem", put, **one, ExpressionAttributeNames={"n": "x"}
    )
    assert "ExpressionAttributeValues must not be empty" in refusal(
        ddb, "PutItem", put, **one, ExpressionAttributeValues={}
    )
    assert "ExpressionAttributeNames can only be specified when using expressions" in refusal(
        ddb, "PutItem", put, ExpressionAttributeNames={"#n": "x"}
    )
    assert "ConditionExpression is null" in refusal(ddb, "PutItem", put, ExpressionAttributeValues={":n": {"N": "1"}})
    assert "UpdateExpression and ConditionExpression are null" in refusal(
        ddb, "UpdateItem", T, Key=key("a"), ExpressionAttributeValues={":n": {"N": "1"}}
    )
    told = refusal(ddb, "PutItem", put, **one, ExpressionAttributeValues={":n": {"N": "x"}})
    assert "ExpressionAttributeValues contains invalid value: " in told
    assert told.endswith("for key :n")


def test_a_failed_condition_shows_the_item_to_who_asks(ddb: Box) -> None:
    put(ddb, "a", x={"S": "1"})
    with pytest.raises(ApiError, match="The conditional request failed") as caught:
        ddb("DeleteItem", **T, Key=key("a"), ConditionExpression="attribute_exists(y)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD")  # fmt: skip
    assert caught.value.extras == {"Item": {**key("a"), "x": {"S": "1"}}}
    assert get(ddb, "a") is not None


# -- updates -----------------------------------------------------------------------

START: dict[str, Any] = {
    "n1": {"N": "1"},
    "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]},
    "m": {"M": {"x": {"S": "old"}}},
    "ss": {"SS": ["a", "b"]},
}


@pytest.mark.parametrize(
    ("text", "values", "after"),
    [
        ("SET n1 = n1 + :v", {":v": {"N": "2"}}, {"n1": {"N": "3"}}),
        ("SET n1 = :v - n1, n2 = n1", {":v": {"N": "2"}}, {"n1": {"N": "1"}, "n2": {"N": "1"}}),
        ("set a = if_not_exists(b, :v)", {":v": {"S": "x"}}, {"a": {"S": "x"}}),
        ("set n1 = if_not_exists(n1, :v) + :v", {":v": {"N": "5"}}, {"n1": {"N": "6"}}),
        ("SET l = list_append(l, :v)", {":v": {"L": [{"N": "3"}]}}, {"l": {"L": [{"N": str(n)} for n in range(4)]}}),
        ("SET l[1] = :v, l[9] = :v", {":v": {"S": "x"}},
         {"l": {"L": [{"N": "0"}, {"S": "x"}, {"N": "2"}, {"S": "x"}]}}),
        ("SET m.x = :v, m.y = m.x", {":v": {"S": "new"}}, {"m": {"M": {"x": {"S": "new"}, "y": {"S": "old"}}}}),
        ("REMOVE l[0], l[1], l[7], m.x, m.zzz", None, {"l": {"L": [{"N": "2"}]}, "m": {"M": {}}}),
        # Places are those before the update: what is set behind the end is not what is removed there.
        ("REMOVE l[3] SET l[7] = :v", {":v": {"S": "x"}}, {"l": {"L": [*START["l"]["L"], {"S": "x"}]}}),
        ("REMOVE l[0] SET l[1] = :v, m.x = l", {":v": {"S": "x"}},
         {"l": {"L": [{"S": "x"}, {"N": "2"}]}, "m": {"M": {"x": START["l"]}}}),
        ("REMOVE l[0] SET m.x = if_not_exists(l, :v)", {":v": {"S": "x"}},
         {"l": {"L": START["l"]["L"][1:]}, "m": {"M": {"x": START["l"]}}}),
        ("ADD n1 :v, n2 :v", {":v": {"N": "1.5"}}, {"n1": {"N": "2.5"}, "n2": {"N": "1.5"}}),
        ("ADD ss :v", {":v": {"SS": ["c", "a"]}}, {"ss": {"SS": ["a", "b", "c"]}}),
        ("DELETE ss :v", {":v": {"SS": ["a", "zzz"]}}, {"ss": {"SS": ["b"]}}),
        ("DELETE ss :v", {":v": {"SS": ["a", "b"]}}, {"ss": None}),
        ("DELETE nothing :v", {":v": {"SS": ["a"]}}, {}),
        ("SET a = :v REMOVE n1 ADD n2 :v DELETE ss :d", {":v": {"N": "1"}, ":d": {"SS": ["a"]}},
         {"a": {"N": "1"}, "n1": None, "n2": {"N": "1"}, "ss": {"SS": ["b"]}}),
    ],
)  # fmt: skip
def test_updates(ddb: Box, text: str, values: Any, after: dict[str, Any]) -> None:
    put(ddb, "a", **START)
    update(ddb, text, values)
    expected = {**key("a"), **START, **after}
    assert get(ddb, "a") == {name: value for name, value in expected.items() if value is not None}


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ("SET a = zzz", None, "The provided expression refers to an attribute that does not exist in the item"),
        ("SET a = zzz + :v", {"N": "1"}, "The provided expression refers to an attribute that does not exist"),
        ("SET a = m + :v", {"N": "1"}, "An operand in the update expression has an incorrect data type"),
        ("SET a = n1 + :v", {"S": "1"}, "operator or function: +, operand type: S"),
        ("SET a = list_append(l, :v)", {"S": "1"}, "operator or function: list_append, operand type: S"),
        ("SET a = list_append(n1, l)", None, "An operand in the update expression has an incorrect data type"),
        ("SET zzz.x = :v", {"S": "1"}, "The document path provided in the update expression is invalid for update"),
        ("SET l.x = :v", {"S": "1"}, "The document path provided in the update expression is invalid for update"),
        ("REMOVE zzz.x", None, "The document path provided in the update expression is invalid for update"),
        ("SET id = :v", {"S": "1"}, "Cannot update attribute id. This attribute is part of the key"),
        ("ADD l :v", {"L": []}, "operator: ADD, operand type: LIST, typeSet: ALLOWED_FOR_ADD_OPERAND"),
        ("ADD ss :v", {"N": "1"}, "An operand in the update expression has an incorrect data type"),
        ("DELETE ss :v", {"N": "1"}, "operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND"),
        ("SET a = :v SET b = :v", {"S": "1"}, 'The "SET" section can only be used once in an update expression;'),
        ("SET a = :v, a.b = :v", {"S": "1"}, "Two document paths overlap with each other"),
        ("SET a[1] = :v, a.b = :v", {"S": "1"}, "Two document paths conflict with each other"),
        (
            "SET a = list_append(list_append(l, l), :v)",
            {"L": []},
            "to be used this way in an expression; function: list_",
        ),
        ("SET a = size(l)", None, "The function is not allowed in an update expression; function: size"),
        ("SET a = nothing(l)", None, "Invalid function name; function: nothing"),
        ("SET a :v", {"S": "1"}, 'Syntax error; token: ":v", near: "a :v"'),
        ("FROB a", None, 'Syntax error; token: "FROB"'),
        ("SET state = :v", {"N": "1"}, "reserved keyword: state"),
        ("SET a = :v", {"S": "x" * 410_000}, "Item size to update has exceeded the maximum allowed size"),
    ],
)
def test_an_update_that_cannot_be_changes_nothing(ddb: Box, text: str, value: Any, words: str) -> None:
    put(ddb, "a", **START)
    before = get(ddb, "a")
    given = {"ExpressionAttributeValues": {":v": value}} if value else {}
    assert words in refusal(ddb, "UpdateItem", T, Key=key("a"), UpdateExpression=text, **given)
    assert get(ddb, "a") == before


@pytest.mark.parametrize(
    ("shown", "attributes"),
    [
        ("NONE", None),
        ("UPDATED_OLD", {"m": {"M": {"x": {"S": "old"}}}}),
        ("UPDATED_NEW", {"m": {"M": {"x": {"S": "new"}}}, "b": {"S": "new"}}),
        ("ALL_OLD", {**key("a"), **START}),
        ("ALL_NEW", {**key("a"), **START, "m": {"M": {"x": {"S": "new"}}}, "b": {"S": "new"}}),
    ],
)
def test_an_update_shows_what_is_asked_for(ddb: Box, shown: str, attributes: Any) -> None:
    put(ddb, "a", **START)
    answer = update(ddb, "SET m.x = :v, b = :v", {":v": {"S": "new"}}, ReturnValues=shown)
    assert answer.get("Attributes") == attributes


BROKEN = {"ConditionExpression": "attribute_exists("}
UNUSED = {"ConditionExpression": "attribute_exists(id)", "ExpressionAttributeValues": {":v": {"S": "x"}}}


@pytest.mark.parametrize(("said", "words"), [(BROKEN, "Invalid ConditionExpression: Syntax error"), (UNUSED, "unused")])
def test_expressions_are_read_before_a_table_is_looked_for_or_a_condition_is_tried(
    ddb: Box, said: dict[str, Any], words: str
) -> None:
    for operation, members in (("PutItem", {"Item": key("a")}), ("DeleteItem", {"Key": key("a")})):
        assert words in refusal(ddb, operation, {"TableName": "nowhere", **members, **said})
    nowhere = {"Put": {"TableName": "nowhere", "Item": key("a")}}
    failing = {"ConditionCheck": {**T, "Key": key("a"), "ConditionExpression": "attribute_exists(id)"}}
    late = {"Delete": {**T, "Key": key("b"), **said}}
    for first in (nowhere, failing):
        assert words in refusal(ddb, "TransactWriteItems", {"TransactItems": [first, late]})
    wrong = {"UpdateExpression": "SET a = :no", "ConditionExpression": "attribute_exists(id)"}
    assert "Invalid UpdateExpression: " in refusal(ddb, "UpdateItem", {**T, "Key": key("a"), **wrong})
