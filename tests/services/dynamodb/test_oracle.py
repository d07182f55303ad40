"""Random operations on a table here and in moto, whose answers must agree; what is known to differ is told apart.

The differences are listed in docs/integrations/dynamodb.md. More operations: FLOWD_ORACLE_STEPS=10000.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError

from flowd.services.dynamodb import SERVICE
from flowd.services.ports import ServiceError
from flowd.store.dynamodb import DynamodbTables
from tests.services.box import Box

pytestmark = pytest.mark.slow
STEPS = int(os.environ.get("FLOWD_ORACLE_STEPS", "1000"))
TABLE: dict[str, Any] = {
    "TableName": "facts",
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "n", "AttributeType": "N"},
        {"AttributeName": "g", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_g",
            "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
PATHS: Final = ("a", "b", "g", "li", "ma", "ss", "ns", "li[0]", "li[1]", "li[5]", "ma.x", "ma.y", "ma.y.z", "a.q", "zz")
TEXTS: Final = ("", "a", "ab", "b", "ü")
NUMBERS: Final = ("0", "1", "-1", "2.50", "10", "1e3", "-0.001", "123456789.123")


class Pair:
    """The same table here and there."""

    def __init__(self, box: Box, moto: Any, seed: int) -> None:
        self.box, self.moto, self.random = box, moto, random.Random(seed)
        self.found: Counter[str] = Counter()
        self.kinds: tuple[Callable[[], None], ...] = (
            *(self.put, self.update, self.update, self.update, self.delete),
            *(self.query, self.query_index, self.scan, self.transact),
        )
        box("CreateTable", **TABLE)
        moto.create_table(**TABLE)

    # -- both --------------------------------------------------------------------

    def here(self, operation: str, members: dict[str, Any]) -> Any:
        try:
            return self.box(operation, TableName="facts", **members)
        except ServiceError as error:
            return error.code, error.message

    def there(self, operation: str, members: dict[str, Any]) -> Any:
        method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]
        try:
            answer = getattr(self.moto, method)(TableName="facts", **members)
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["Error"]["Message"]
        except Exception as error:
            return "crash", repr(error)
        del answer["ResponseMetadata"]
        answer.pop("ConsumedCapacity", None)  # moto tells it to everybody
        return answer

    def both(self, operation: str, members: dict[str, Any], key: dict[str, Any] | None = None) -> None:
        before = None if key is None else self.item(key)
        here, there = comparable(self.here(operation, members)), comparable(self.there(operation, members))
        self.judge(operation, members, before, here, there)
        if key is not None:
            self.align(operation, members, key, before, here, there)

    def judge(self, operation: str, members: dict[str, Any], before: Any, here: Any, there: Any) -> None:
        if same(here, there):
            self.found["same" if isinstance(here, dict) else f"same {here[0]}"] += 1
            return
        reason = known(operation, members, before, here, there)
        assert reason, f"{operation} {members}\nof {before}\nhere  {here}\nthere {there}"
        self.found[reason] += 1

    def item(self, key: dict[str, Any]) -> Any:
        return self.box("GetItem", TableName="facts", Key=key).get("Item")

    def align(
        self, operation: str, members: dict[str, Any], key: dict[str, Any], before: Any, here: Any, there: Any
    ) -> None:
        """Whatever moto has made of the item, it goes on from ours, also where it shares parts between attributes."""
        mine = self.item(key)
        try:
            theirs = self.moto.get_item(TableName="facts", Key=key).get("Item")
        except RecursionError:  # `SET m.x = m` made an item that holds itself
            theirs = "endless"
        copies = re.search(r"= .*[a-z]", members.get("UpdateExpression", "")) and isinstance(here, dict)
        if comparable(mine) == comparable(theirs) and not copies:
            return
        if same(here, there) and comparable(mine) != comparable(theirs):
            assert not isinstance(here, dict) or known(operation, members, before, here, theirs), (
                members,
                mine,
                theirs,
            )
            self.found["moto leaves a failed update half done"] += 1
        self.moto.put_item(TableName="facts", Item=mine or key)
        if mine is None:
            self.moto.delete_item(TableName="facts", Key=key)

    # -- what is asked -------------------------------------------------------------

    def key(self) -> dict[str, Any]:
        return {"id": {"S": self.random.choice("xyz")}, "n": {"N": self.random.choice(("1", "2", "-10", "1.5"))}}

    def value(self, depth: int = 0) -> dict[str, Any]:
        pick = self.random.choice
        kinds: list[Callable[[], dict[str, Any]]] = [
            lambda: {"S": pick(TEXTS)},
            lambda: {"N": pick(NUMBERS)},
            lambda: {"BOOL": pick((True, False))},
            lambda: {"NULL": True},
            lambda: {"B": pick((b"a", b"ab", b"\xff"))},
            lambda: {"SS": self.random.sample(("a", "b", "c"), self.random.randint(1, 3))},
            lambda: {"NS": self.random.sample(("1", "2", "10"), self.random.randint(1, 3))},
        ]
        if depth < 2:
            kinds += [
                lambda: {"L": [self.value(depth + 1) for _ in range(self.random.randint(0, 3))]},
                lambda: {"M": {name: self.value(depth + 1) for name in self.random.sample("xyz", 2)}},
            ]
        return pick(kinds)()

    def attributes(self) -> dict[str, Any]:
        made = {
            "a": self.value(),
            "b": {"N": self.random.choice(NUMBERS)},
            "g": {"S": self.random.choice(("p", "q"))},
            "li": {"L": [self.value(1) for _ in range(self.random.randint(0, 4))]},
            "ma": {"M": {"x": self.value(1), "y": {"M": {"z": self.value(2)}}}},
            "ss": {"SS": ["a", "b"]},
            "ns": {"NS": ["1", "2"]},
        }
        return {name: value for name, value in made.items() if self.random.random() < 0.7}

    def comparison(self, values: dict[str, Any]) -> str:
        path, other = self.random.choice(PATHS), self.random.choice(PATHS)
        name, more = f":c{len(values)}", f":d{len(values)}"
        form = self.random.choice(
            ("{p} {o} {v}", "{p} {o} {v}", "{p} {o} {q}", "{v} {o} {p}", "attribute_exists({p})",
             "attribute_not_exists({p})", "attribute_type({p}, {v})", "begins_with({p}, {v})", "contains({p}, {v})",
             "size({p}) {o} {v}", "{p} IN ({v}, {w})", "{p} BETWEEN {v} AND {w}", "NOT {p} {o} {v}")
        )  # fmt: skip
        operator = self.random.choice(("=", "<>", "<", "<=", ">", ">="))
        if "{v}" in form:
            values[name] = {"N": "1"} if "size" in form else self.value()
        if "attribute_type" in form:
            values[name] = {"S": self.random.choice(("S", "N", "L", "M", "SS"))}
        if "{w}" in form:
            values[more] = self.value()
        return form.format(p=path, q=other, o=operator, v=name, w=more)

    def condition(self, values: dict[str, Any]) -> str:
        parts = [self.comparison(values) for _ in range(self.random.choice((1, 1, 2, 3)))]
        return self.random.choice((" AND ", " OR ")).join(parts)

    def guarded(self, members: dict[str, Any]) -> dict[str, Any]:
        values = members.pop("ExpressionAttributeValues", {})
        if self.random.random() < 0.3:
            members["ConditionExpression"] = self.condition(values)
        return {**members, **({"ExpressionAttributeValues": values} if values else {})}

    def put(self) -> None:
        key = self.key()
        self.both("PutItem", self.guarded({"Item": {**key, **self.attributes()}, "ReturnValues": "ALL_OLD"}), key)

    def delete(self) -> None:
        key = self.key()
        if self.random.random() < 0.5:
            self.both("DeleteItem", self.guarded({"Key": key, "ReturnValues": "ALL_OLD"}), key)

    def action(self, section: str, values: dict[str, Any]) -> str:
        path, other = self.random.choice(PATHS), self.random.choice(PATHS)
        name = f":u{len(values)}"
        if section == "REMOVE":
            return path
        number = {"N": self.random.choice(NUMBERS)}
        if section in ("ADD", "DELETE"):
            kinds = [{"SS": ["b", "c"]}, {"NS": ["2", "3"]}, number]
            values[name] = self.random.choice(kinds)
            return f"{path} {name}"
        plain = ("{v}", "{v}", "{q}", "{q} + {v}", "{v} - {q}", "list_append({q}, {v})", "list_append({v}, {q})")
        form = self.random.choice((*plain, "if_not_exists({q}, {v})", "if_not_exists({q}, {v}) + {v}"))
        if "{v}" in form:
            values[name] = number if "+" in form or "-" in form else self.value(1)
            if "list_append" in form:
                values[name] = {"L": [self.value(2)]}
        return f"{path} = {form.format(q=other, v=name)}"

    def update(self) -> None:
        key, values = self.key(), dict[str, Any]()
        sections: list[str] = []
        for section in self.random.sample(("SET", "SET", "REMOVE", "ADD", "DELETE"), self.random.choice((1, 1, 2))):
            if not any(known_section.startswith(section) for known_section in sections):
                count = self.random.choice((1, 1, 2))
                sections.append(f"{section} {', '.join(self.action(section, values) for _ in range(count))}")
        members = {"Key": key, "UpdateExpression": " ".join(sections), "ExpressionAttributeValues": values}
        shown = self.random.choice(("NONE", "ALL_OLD", "ALL_NEW"))
        self.both("UpdateItem", self.guarded({**members, "ReturnValues": shown}), key)

    def ranged(self) -> tuple[str, dict[str, Any]]:
        form = self.random.choice(("", " AND n = :n", " AND n < :n", " AND n >= :n", " AND n BETWEEN :n AND :m"))
        values = {":i": {"S": self.random.choice("xyz")}}
        if ":n" in form:
            values[":n"] = {"N": self.random.choice(("-20", "1", "1.5"))}
        if ":m" in form:
            values[":m"] = {"N": "2"}
        return f"id = :i{form}", values

    def query(self) -> None:
        condition, values = self.ranged()
        members: dict[str, Any] = {"KeyConditionExpression": condition}
        if self.random.random() < 0.4:
            members["FilterExpression"] = self.condition(values)
        members |= {"ExpressionAttributeValues": values, "ScanIndexForward": self.random.random() < 0.5}
        if self.random.random() < 0.3:
            members["Limit"] = self.random.randint(1, 6)
        self.both("Query", members)

    def query_index(self) -> None:
        self.both(
            "Query",
            {
                "IndexName": "by_g",
                "KeyConditionExpression": "g = :g AND n = :n",
                "ExpressionAttributeValues": {":g": {"S": self.random.choice("pq")}, ":n": self.key()["n"]},
            },
        )

    def scan(self) -> None:
        values: dict[str, Any] = {}
        members: dict[str, Any] = {"FilterExpression": self.condition(values)}
        self.both("Scan", {**members, **({"ExpressionAttributeValues": values} if values else {})})

    def transact(self) -> None:
        """Two items, of which one may be refused: nothing of either may remain."""
        key, other = {"id": {"S": "x"}, "n": {"N": "1"}}, {"id": {"S": "y"}, "n": {"N": "1"}}
        guard = self.random.choice(("attribute_exists(b)", "attribute_not_exists(b)"))
        put = {"TableName": "facts", "Item": {**key, "b": {"N": "1"}}, "ConditionExpression": guard}
        gone = {"TableName": "facts", "Key": other, "ConditionExpression": "attribute_exists(g)"}
        actions = [{"Put": put}, {"Delete": gone}]
        try:
            self.box("TransactWriteItems", TransactItems=actions)
            here: Any = "done"
        except ServiceError as error:
            here = [reason["Code"] for reason in error.extras["CancellationReasons"]]
        try:
            self.moto.transact_write_items(TransactItems=actions)
            there: Any = "done"
        except ClientError as error:
            there = [reason["Code"] for reason in error.response["CancellationReasons"]]
        assert here == there
        self.found["same transaction"] += 1


def comparable(value: Any) -> Any:
    """Sets have no order, numbers have many texts."""
    if isinstance(value, dict):
        if len(value) == 1:
            name, inner = next(iter(value.items()))
            if name == "N" and isinstance(inner, str):
                return {"N": Decimal(inner)}
            if name in ("SS", "NS", "BS") and isinstance(inner, list):
                return {name: sorted(Decimal(one) if name == "NS" else one for one in inner)}
        return {name: comparable(inner) for name, inner in value.items()}
    return [comparable(inner) for inner in value] if isinstance(value, list) else value


def same(here: Any, there: Any) -> bool:
    """A refusal is its code; a scan has no order."""
    if isinstance(here, tuple) or isinstance(there, tuple):
        return isinstance(here, tuple) and isinstance(there, tuple) and here[0] == there[0]
    if "Items" in here and "Items" in there:
        first, second = (sorted(answer["Items"], key=repr) for answer in (here, there))
        return {**here, "Items": first} == {**there, "Items": second}
    return bool(here == there)


def known(operation: str, members: dict[str, Any], before: Any, here: Any, there: Any) -> str:
    """Why the two differ, if that is settled by AWS's documentation; "" if it is not."""
    refused = here[1] if isinstance(here, tuple) else ""
    moto = there[1] if isinstance(there, tuple) else ""
    update = members.get("UpdateExpression", "")
    text = f"{members.get('ConditionExpression', '')}{members.get('FilterExpression', '')}"
    if isinstance(there, tuple) and there[0] == "crash":
        return "moto crashes"
    if refused.startswith(("Invalid ConditionExpression: ", "Invalid FilterExpression: ")):
        return "moto looks at no operand's type"
    if refused.startswith("Invalid UpdateExpression: ") and moto == "The conditional request failed":
        return "moto looks at the condition before it reads the update"
    if refused.startswith("Invalid UpdateExpression: Two document paths overlap"):
        return "moto sees not all overlaps of the paths of an update"
    if update and before is None and not re.search("SET|ADD", update) and not refused:
        return "moto makes an item of an update that only takes away"
    if refused.startswith("The document path provided in the update expression is invalid"):
        return "moto sets or removes nothing where a path leads nowhere"
    if "Type mismatch for Index Key" in refused:
        return "moto lets an update put another type into an index's key"
    if (
        moto.startswith(("Bad Filter Expression", "Invalid attribute name", "Invalid filter expression"))
        and "size" in text
    ):
        return "moto refuses the size of what is not there"
    if "Limit" in members and _without(here, "LastEvaluatedKey") == _without(there, "LastEvaluatedKey"):
        return "moto looks further than Limit"
    if "contains(" in text and isinstance(here, dict) and isinstance(there, dict):
        return "moto's contains looks at no types: True is 1, bytes are in any list"
    if "begins_with(" in text and any("B" in value for value in members["ExpressionAttributeValues"].values()):
        return "moto knows no beginning of bytes"
    if re.search(r"li\[[15]\].*li\[[15]\]", update) and not refused:
        return "moto appends to a list in the order of the text, not of the places"
    if re.search(r"[.\]][a-z0-9]* <> |<> [a-z]+[.\[]", text):
        return "moto's <> does not hold where a nested path is missing"
    if any("BOOL" in value and name in text for name, value in members.get("ExpressionAttributeValues", {}).items()):
        return "moto takes True for 1 and False for 0"
    if _takes_missing_for_null(text, members.get("ExpressionAttributeValues", {})):
        return "moto takes what is missing for NULL"
    return ""


def _without(answer: Any, member: str) -> Any:
    return {name: value for name, value in answer.items() if name != member} if isinstance(answer, dict) else answer


def _takes_missing_for_null(text: str, values: dict[str, Any]) -> bool:
    """A NULL is looked for, or two attributes are compared of which both may be missing."""
    null = any("NULL" in value and name in text for name, value in values.items())
    return null or re.search(r"(^|[ (])[a-z][a-z.0-9\[\]]* (=|<>|<|<=|>|>=) [a-z]", text) is not None


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    moto = pytest.importorskip("moto")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    box = Box(SERVICE, DynamodbTables)
    with moto.mock_aws():
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        yield Pair(
            box,
            boto3.client("dynamodb", region_name="us-east-1", **keys),
            int(os.environ.get("FLOWD_ORACLE_SEED", "1")),
        )
    box.close()


@pytest.mark.filterwarnings("default")
def test_random_operations_have_moto_s_outcome_but_where_it_is_known_to_be_wrong(pair: Pair) -> None:
    for _ in range(STEPS):
        pair.random.choice(pair.kinds)()
    assert pair.found["same"] > STEPS / 4, pair.found  # most agree, so that a difference means something
