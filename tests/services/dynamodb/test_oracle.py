"""Random operations on tables here and in moto, whose answers must agree; what is known to differ is told apart.

The differences are listed in docs/integrations/dynamodb.md. Others, and more: FLOWD_ORACLE_SEED=2,
FLOWD_ORACLE_STEPS=10000; with `pytest -s` it shows the counts.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from flowd.services.dynamodb import SERVICE
from flowd.store.dynamodb import DynamodbTables
from tests.services.box import Box
from tests.services.dynamodb.oracle.asked import Asked, with_values
from tests.services.dynamodb.oracle.pair import Members, Pair, Refused, comparable
from tests.services.dynamodb.oracle.settled import Difference, copies, known, same

pytestmark = pytest.mark.slow
SEED = int(os.environ.get("FLOWD_ORACLE_SEED", "1"))
STEPS = int(os.environ.get("FLOWD_ORACLE_STEPS", "1000"))
RETURNS = ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")


class Game(Asked):
    """Asks both, and keeps the score."""

    def __init__(self, pair: Pair, seed: int) -> None:
        super().__init__(seed)
        self.pair = pair
        self.found: Counter[str] = Counter()
        self.unsettled: list[Difference] = []
        self.kinds: tuple[Callable[[], None], ...] = (
            *(self.put, self.put, self.change, self.change, self.change, self.change, self.delete, self.get),
            *(self.query, self.query, self.scan, self.pages, self.segments, self.count),
            *(self.transact, self.batch_write, self.batch_get, self.older_change, self.older_read),
            *(self.bytes_write, self.bytes_query, self.partiql),
        )

    # -- asked and judged ----------------------------------------------------------

    def judge(self, found: Difference) -> None:
        if same(found.here, found.there) and found.mine == found.theirs:
            self.found[f"same {found.here.code}" if isinstance(found.here, Refused) else "same"] += 1
            return
        reason = known(found)
        self.found[reason] += 1
        if not reason:
            self.unsettled.append(found)

    def ask(self, operation: str, **members: Any) -> None:
        """Of a read."""
        found = self.asked(operation, members)
        hides = {"ProjectionExpression", "Select"} & members.keys()
        if "FilterExpression" in members and hides and not same(found.here, found.there):
            whole = self.asked(operation, {name: value for name, value in members.items() if name not in hides})
            found = found if same(whole.here, whole.there) else whole  # what the filter lets through tells why
        self.judge(found)

    def asked(self, operation: str, members: Members) -> Difference:
        here, there = self.pair.here(operation, members), self.pair.there(operation, members)
        if operation == "Scan":
            here, there = _sorted(here), _sorted(there)
        return Difference(operation, members, here, there)

    def write(self, operation: str, key: Members, members: Members, table: str = "facts") -> None:
        members = members if operation == "ExecuteStatement" else {"TableName": table, **members}
        before = self.pair.item(table, key)
        here, there = self.pair.here(operation, members), self.pair.there(operation, members)
        mine, theirs = comparable(self.pair.item(table, key)), self.pair.their_item(table, key)
        found = Difference(operation, members, here, there, comparable(before), mine, theirs)
        self.judge(found)
        if mine != theirs or copies(found):
            self.pair.align(table, key)

    # -- one item ------------------------------------------------------------------

    def put(self) -> None:
        key = self.key()
        members = {"Item": {**key, **self.attributes()}, "ReturnValues": self.pick(RETURNS[:2])}
        self.write("PutItem", key, self.guarded(members))

    def delete(self) -> None:
        key = self.key()
        if self.chance(0.5):
            self.write("DeleteItem", key, self.guarded({"Key": key, "ReturnValues": "ALL_OLD"}))

    def get(self) -> None:
        self.ask("GetItem", TableName="facts", Key=self.key(), **self.projection({}))

    def change(self) -> None:
        key, values = self.key(), dict[str, Any]()
        members = {"Key": key, "UpdateExpression": self.update(values), "ExpressionAttributeValues": values}
        self.write("UpdateItem", key, self.guarded({**members, "ReturnValues": self.pick(RETURNS)}))

    def older_change(self) -> None:
        key = self.key()
        members: Members = {"Key": key, "ReturnValues": self.pick(RETURNS)}
        members["AttributeUpdates"] = self.attribute_updates()
        if self.chance(0.4):
            members["Expected"] = self.expected()
        self.write("UpdateItem", key, members)

    def bytes_write(self) -> None:
        key = self.bytes_key()
        members: Members = {"Key": key, "UpdateExpression": "ADD c :c", "ExpressionAttributeValues": {":c": {"N": "1"}}}
        if self.chance(0.3):
            self.write("DeleteItem", key, {"Key": key, "ReturnValues": "ALL_OLD"}, "bytes")
        else:
            self.write("UpdateItem", key, {**members, "ReturnValues": "ALL_NEW"}, "bytes")

    def partiql(self) -> None:
        statement, values, key = self.statement()
        members = {"Statement": statement, **({"Parameters": values} if values else {})}
        if key:
            self.write("ExecuteStatement", key, members)
        else:
            self.ask("ExecuteStatement", **members)

    # -- many items ----------------------------------------------------------------

    def keys(self, most: int) -> list[Members]:
        every = [self.key() for _ in range(self.random.randint(1, most))]
        return [key for at, key in enumerate(every) if key not in every[:at] or self.chance(0.02)]

    def batch_write(self) -> None:
        writes = []
        for key in self.keys(4):
            put = {"PutRequest": {"Item": {**key, **self.attributes()}}}
            writes.append(put if self.chance(0.7) else {"DeleteRequest": {"Key": key}})
        self.write_many("BatchWriteItem", {"RequestItems": {"facts": writes}})

    def batch_get(self) -> None:
        self.ask("BatchGetItem", RequestItems={"facts": {"Keys": self.keys(5), **self.projection({})}})

    def transact(self) -> None:
        """Some items, of which one may be refused: nothing of any may remain."""
        actions: list[Members] = []
        for key in self.keys(3):
            values: Members = {}
            members: Members = {"TableName": "facts"}
            kind = self.pick(("Put", "Update", "Delete", "ConditionCheck"))
            if kind == "Put":
                members["Item"] = {**key, **self.attributes()}
            else:
                members["Key"] = key
            if kind == "Update":
                values = {":v": {"N": "1"}, ":w": {"SS": ["q"]}}
                members["UpdateExpression"] = "SET a = :v ADD ss :w"
            if kind == "ConditionCheck" or self.chance(0.3):
                members["ConditionExpression"] = self.pick(
                    ("attribute_exists(b)", "attribute_not_exists(b)", "attribute_exists(id)", "attribute_exists(ma.y)")
                )
                members["ReturnValuesOnConditionCheckFailure"] = self.pick(("ALL_OLD", "NONE"))
            actions.append({kind: with_values(members, values)})
        self.write_many("TransactWriteItems", {"TransactItems": actions})

    def write_many(self, operation: str, members: Members) -> None:
        here, there = self.pair.here(operation, members), self.pair.there(operation, members)
        mine, theirs = self.pair.my_items("facts"), self.pair.their_items("facts")
        if same(here, there):
            self.judge(Difference(operation, members, here, there, None, mine, theirs))
        else:
            self.judge(Difference(operation, members, here, there))
        for key in {**mine, **theirs} if mine != theirs else ():
            self.pair.align("facts", {"id": {"S": key[0]}, "n": {"N": str(key[1])}})

    # -- reads ---------------------------------------------------------------------

    def query(self) -> None:
        members, values = self.keyed()
        if self.chance(0.4):
            members["FilterExpression"] = self.condition(values)
        members |= {"ScanIndexForward": self.chance(0.5), **self.projection(members)}
        if self.chance(0.3):
            members["Limit"] = self.random.randint(1, 6)
        self.ask("Query", TableName="facts", **with_values(members, values))

    def bytes_query(self) -> None:
        condition, values = self.bytes_ranged()
        members = {"KeyConditionExpression": condition, "ScanIndexForward": self.chance(0.5)}
        self.ask("Query", TableName="bytes", **with_values(members, values))

    def count(self) -> None:
        members, values = self.keyed()
        if self.chance(0.4):
            members["FilterExpression"] = self.condition(values)
        self.ask("Query", TableName="facts", Select="COUNT", **with_values(members, values))

    def scan(self) -> None:
        values: Members = {}
        members: Members = {"TableName": "facts"}
        if self.chance(0.2):
            members["IndexName"] = self.pick(("by_g", "by_b"))
        if self.chance(0.8):
            members["FilterExpression"] = self.condition(values)
        members |= self.projection(members)
        self.ask("Scan", **with_values(members, values))

    def pages(self) -> None:
        """All pages of one read, in both directions; here and there each go on from their own keys."""
        members, values = self.keyed()
        operation = self.pick(("Query", "Query", "Scan"))
        if operation == "Scan":
            members, values = {}, {}
            if self.chance(0.3):
                members["IndexName"] = self.pick(("by_g", "by_b"))
        else:
            members["ScanIndexForward"] = self.chance(0.5)
        if self.chance(0.4):
            members["FilterExpression"] = self.condition(values)
        members = with_values({"TableName": "facts", **members, "Limit": self.random.randint(1, 4)}, values)
        here, there = (_all_pages(answer, operation, members) for answer in (self.pair.here, self.pair.there))
        if operation == "Scan":
            here, there = _sorted(here), _sorted(there)
        self.judge(Difference(operation, members, here, there))

    def segments(self) -> None:
        """All segments of a parallel scan together."""
        total = self.random.randint(1, 4)
        found: list[Any] = []
        for answer in (self.pair.here, self.pair.there):
            parts = [
                answer("Scan", {"TableName": "facts", "Segment": at, "TotalSegments": total}) for at in range(total)
            ]
            found.append(_sorted({"Items": [item for part in parts for item in part["Items"]]}))
        self.judge(Difference("Scan", {"TotalSegments": total}, *found))

    def older_read(self) -> None:
        if self.chance(0.5):
            self.ask("Scan", TableName="facts", ScanFilter=self.expected())
            return
        condition = {"id": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": self.pick("xyz")}]}}
        members: Members = {"TableName": "facts", "KeyConditions": condition}
        if self.chance(0.3):
            members["AttributesToGet"] = self.random.sample(("a", "b", "li", "zz"), 2)
        self.ask("Query", **members)


def _sorted(answer: Any) -> Any:
    return answer if isinstance(answer, Refused) else {**answer, "Items": sorted(answer["Items"], key=repr)}


def _all_pages(answer: Callable[[str, Members], Any], operation: str, members: Members) -> Any:
    items: list[Any] = []
    start: Members = {}
    for _ in range(100):
        page = answer(operation, {**members, **start})
        if isinstance(page, Refused):
            return page
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return {"Items": items}
        said = page["LastEvaluatedKey"]
        start = {"ExclusiveStartKey": {name: _as_sent(value) for name, value in said.items()}}
    return Refused("endless", "there is always another page")


def _as_sent(value: Members) -> Members:
    return {"N": str(value["N"])} if "N" in value else value


@pytest.fixture
def game(monkeypatch: pytest.MonkeyPatch) -> Iterator[Game]:
    moto, models = pytest.importorskip("moto"), pytest.importorskip("moto.dynamodb.models")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    box = Box(SERVICE, DynamodbTables)
    with moto.mock_aws():
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        client = boto3.client("dynamodb", region_name="us-east-1", **keys)
        yield Game(Pair(box, client, models.dynamodb_backends["123456789012"]["us-east-1"]), SEED)
    box.close()


@pytest.mark.filterwarnings("default")
def test_random_operations_have_moto_s_outcome_but_where_it_is_known_to_be_wrong(game: Game) -> None:
    for _ in range(STEPS):
        game.pick(game.kinds)()
    print("\n".join(f"{count:6} {name}" for name, count in game.found.most_common()))  # noqa: T201
    assert not game.unsettled, "\n\n".join(map(repr, game.unsettled[:5]))
    assert game.found["same"] > sum(game.found.values()) / 3  # most agree, so that a difference means something
