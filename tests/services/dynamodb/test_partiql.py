"""PartiQL: statements over single items, and what is refused of them.

Answers and texts are those that paritysuite/dynamodb-conformance has recorded of AWS, where it has.
"""

from __future__ import annotations

from typing import Any

import pytest

from flowd.services.ports import ServiceError
from tests.services.box import Box
from tests.services.dynamodb.shop import T, get, key, put, refusal


def run(ddb: Box, statement: str, *parameters: Any, **more: Any) -> list[dict[str, Any]]:
    given = {"Parameters": list(parameters)} if parameters else {}
    items: list[dict[str, Any]] = ddb("ExecuteStatement", Statement=statement, **given, **more)["Items"]
    return items


def numbers(found: list[dict[str, Any]]) -> list[str]:
    return [item["n"]["N"] for item in found]


@pytest.fixture
def shop(ddb: Box) -> Box:
    for number, state in ((1, "new"), (2, "old"), (3, "new")):
        put(ddb, "a", number, state={"S": state}, total={"N": str(number * 10)}, m={"M": {"x": {"N": str(number)}}})
    put(ddb, "b", 1, state={"S": "new"}, tags={"SS": ["x", "y"]}, li={"L": [{"S": "p"}]})
    return ddb


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("id = 'a'", "123"),
        ("id = 'a' AND n > 1", "23"),
        ("id = 'a' AND n BETWEEN 2 AND 3", "23"),
        ("id = 'a' AND n = 2e0", "2"),
        ("id = 'a' AND state = 'new'", "13"),
        ("id = 'a' AND (n = 1 OR n = 3)", "13"),
        ("id = 'a' AND NOT state = 'new'", "2"),
        ("id = 'a' AND state <> 'new'", "2"),
        ("id = 'a' AND state != 'new'", "2"),
        ("id = 'a' AND m.x >= 2", "23"),
        ('id = \'a\' AND "m"."x" IN [1, 2]', "12"),
        ("id = 'a' AND tags IS MISSING AND total IS NOT MISSING", "123"),
        ("id = 'a' AND begins_with(state, 'o')", "2"),
        ("id = 'a' AND attribute_type(total, 'N') AND size(state) = 3", "123"),
        ("contains(tags, 'x')", "1"),
        ("id = 'b' AND tags = <<'y', 'x'>>", "1"),
        ("id = 'b' AND li[0] = 'p'", "1"),
        ("id IN ['b', 'c']", "1"),
        ("id = 'nobody'", ""),
        ("id = 'a' ORDER BY n DESC", "321"),
        ("id = 'a' -- a note\n AND n = 1 /* and another */;", "1"),
    ],
)
def test_items_are_selected(shop: Box, where: str, found: str) -> None:
    assert "".join(numbers(run(shop, f'SELECT * FROM "orders" WHERE {where}'))) == found


def test_a_selection_shows_what_it_names_and_reads_indexes(shop: Box) -> None:
    [shown] = run(shop, "select total, m.x from orders where id = 'a' and n = 1")
    assert shown == {"total": {"N": "10"}, "m": {"M": {"x": {"N": "1"}}}}
    found = run(shop, 'SELECT * FROM "orders"."by_state" WHERE state = ? AND n > ?', {"S": "new"}, {"N": "1"})
    assert numbers(found) == ["3"]
    assert len(run(shop, "SELECT * FROM orders")) == 4


def test_a_selection_has_pages(shop: Box) -> None:
    statement = "SELECT * FROM orders WHERE id = 'a'"
    page = shop("ExecuteStatement", Statement=statement, Limit=2)
    assert numbers(page["Items"]) == ["1", "2"] and page["LastEvaluatedKey"] == key("a", 2)
    page = shop("ExecuteStatement", Statement=statement, Limit=2, NextToken=page["NextToken"])
    assert numbers(page["Items"]) == ["3"] and "NextToken" not in page
    assert "ValidationException" in refusal(shop, "ExecuteStatement", Statement=statement, NextToken="x")


def test_an_item_is_inserted_once(ddb: Box) -> None:
    value = "{'id': 'it''s', 'n': 1, 'l': [1, -2.5, true, null, ?], 'm': {'a b': <<1, 2>>}}"
    statement = f'INSERT INTO "orders" VALUE {value}'
    assert run(ddb, statement, {"B": b"\xff"}) == []
    item = get(ddb, "it's")
    assert item is not None
    assert item["l"] == {"L": [{"N": "1"}, {"N": "-2.5"}, {"BOOL": True}, {"NULL": True}, {"B": b"\xff"}]}
    assert item["m"] == {"M": {"a b": {"NS": ["1", "2"]}}}
    words = "DuplicateItemException: Duplicate primary key exists in table"
    assert refusal(ddb, "ExecuteStatement", Statement=statement, Parameters=[{"B": b""}]) == words


def test_an_item_is_updated_where_it_is(shop: Box) -> None:
    where = "WHERE id = 'a' AND n = 1"
    assert run(shop, f"UPDATE orders SET total = total + 5, state = 'paid' REMOVE m.x {where}") == []
    assert get(shop, "a", 1) == {**key("a"), "total": {"N": "15"}, "state": {"S": "paid"}, "m": {"M": {}}}
    [old] = run(shop, f"UPDATE orders SET total = ? {where} AND state = 'paid' RETURNING MODIFIED OLD *", {"N": "1"})
    assert old == {"total": {"N": "15"}}
    [new] = run(shop, f"UPDATE orders SET l = list_append(?, [2]) SET c = if_not_exists(c, 0) - 1 {where} "
                "RETURNING ALL NEW *", {"L": [{"N": "1"}]})  # fmt: skip
    assert (new["l"], new["c"]) == ({"L": [{"N": "1"}, {"N": "2"}]}, {"N": "-1"})
    run(shop, "UPDATE orders SET tags = set_add(tags, <<'z'>>) WHERE id = 'b' AND n = 1")
    run(shop, "UPDATE orders SET tags = set_delete(tags, <<'x'>>) WHERE id = 'b' AND n = 1")
    item = get(shop, "b")
    assert item is not None and item["tags"] == {"SS": ["y", "z"]}
    for condition in ("id = 'nobody' AND n = 1", "id = 'a' AND n = 1 AND (state = 'x' OR state = 'y')"):
        statement = f"UPDATE orders SET total = 0 WHERE {condition}"
        assert "ConditionalCheckFailedException" in refusal(shop, "ExecuteStatement", Statement=statement)


def test_an_item_is_deleted(shop: Box) -> None:
    [old] = run(shop, "DELETE FROM orders WHERE id = 'a' AND n = 1 RETURNING ALL OLD *")
    assert old["total"] == {"N": "10"}
    assert run(shop, "DELETE FROM orders WHERE id = 'a' AND n = 1") == []  # nothing is there any more
    statement = "DELETE FROM orders WHERE n = 2 AND id = 'a' AND state = 'new'"
    assert "ConditionalCheckFailedException" in refusal(shop, "ExecuteStatement", Statement=statement)
    assert get(shop, "a", 2) is not None


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("", "Statement must have 1 to 8192 characters"),
        ("x" * 8193, "Statement must have 1 to 8192 characters"),
        ("CREATE TABLE x", "expected SELECT, INSERT, UPDATE or DELETE, found CREATE"),
        ("SELECT * FROM orders WHERE id = 'a", 'unexpected "\'"'),
        ("SELECT * FROM orders WHERE id = 'a' # a note", "unexpected '#'"),
        ("SELECT * FROM orders t WHERE id = 'a'", "unexpected t"),
        ("SELECT * FROM orders WHERE id = ?", "Number of parameters in request and statement don't match."),
        ("SELECT * FROM orders WHERE id", "expected a comparison, found the end"),
        ("SELECT * FROM orders WHERE " + "(" * 100 + "id = 'a'", "nested deeper than 32 levels"),
        ("SELECT * FROM orders WHERE " + "NOT " * 1000 + "id = 'a'", "nested deeper than 32 levels"),
        ("SELECT * FROM orders WHERE id = " + "[" * 1000, "nested deeper than 32 levels"),
        ("SELECT * FROM orders ORDER BY n", "Must have WHERE clause in the statement when using ORDER BY clause."),
        ("SELECT * FROM orders WHERE id = 'a' ORDER BY total", "must be part of the primary key"),
        ("SELECT * FROM orders.nothing WHERE id = 'a'", "The table does not have the specified index: nothing"),
        ("SELECT * FROM orders WHERE id = 1", "Condition parameter type does not match schema type"),
        ("INSERT INTO orders VALUE {'id': 'x', 'n': 1} foo", "unexpected foo"),
        ("INSERT INTO orders VALUE {'id': 'x'}", "Missing the key n in the item"),
        ("INSERT INTO orders VALUE [1]", "VALUE of an INSERT is a map"),
        ("INSERT INTO orders VALUE {'id': 'x', 'n': 1, 's': <<1, 'a'>>}", "a set has members of one type"),
        ("INSERT INTO orders VALUE {'id': 'x', 'n': 1e99999999999}", "ValidationException"),
        ("UPDATE orders SET a = 1 WHERE id = 'a'", "Where clause does not contain a mandatory equality on all key"),
        ("UPDATE orders WHERE id = 'a' AND n = 1", "an UPDATE has SET or REMOVE"),
        ("UPDATE orders SET id = 'b' WHERE id = 'a' AND n = 1", "This attribute is part of the key"),
        ("UPDATE orders SET a = set_add(b, <<1>>) WHERE id = 'a' AND n = 1", "is the attribute that is set"),
        ("DELETE FROM orders", "expected WHERE, found the end"),
        ("DELETE FROM orders WHERE id = 'a' AND n > 1", "Where clause does not contain a mandatory equality"),
        ("DELETE FROM orders WHERE id = 'a' AND n = 1 OR n = 2", "Where clause does not contain a mandatory equality"),
        ("DELETE FROM orders WHERE id = 'a' AND n = 1 RETURNING ALL NEW *", "RETURNING is one of ALL OLD *"),
        ("DELETE FROM orders WHERE id = 'a' ORDER BY n", "unexpected ORDER"),
        ("SELECT * FROM nothing", "ResourceNotFoundException: Requested resource not found"),
        ("SELECT * FROM orders WHERE EXISTS(SELECT * FROM orders)", "EXISTS is not built in flowd"),
    ],
)
def test_what_is_no_statement_for_this_table_is_refused(ddb: Box, statement: str, words: str) -> None:
    said = refusal(ddb, "ExecuteStatement", Statement=statement)
    assert words in said
    assert said.startswith(("ValidationException", "ResourceNotFoundException"))


def test_statements_of_a_batch_stand_each_for_itself(shop: Box) -> None:
    answer = shop(
        "BatchExecuteStatement",
        Statements=[
            {"Statement": "INSERT INTO orders VALUE {'id': 'a', 'n': 1}"},
            {"Statement": "UPDATE orders SET total = 0 WHERE id = 'a' AND n = 2"},
            {"Statement": "DELETE FROM orders WHERE id = 'a' AND n = ? AND state = 'old'", "Parameters": [{"N": "3"}]},
            {"Statement": "DELETE FROM nothing WHERE id = 'a'"},
            {"Statement": "DELETE FROM orders"},
        ],
    )
    codes = [each.get("Error", {}).get("Code", "fine") for each in answer["Responses"]]
    assert codes == ["DuplicateItem", "fine", "ConditionalCheckFailed", "ResourceNotFound", "ValidationError"]
    item = get(shop, "a", 2)
    assert item is not None and item["total"] == {"N": "0"}
    reads = [{"Statement": f"SELECT total FROM orders WHERE id = 'a' AND n = {n}"} for n in (1, 9)]
    found = shop("BatchExecuteStatement", Statements=[*reads, {"Statement": "SELECT * FROM orders WHERE id = 'a'"}])
    assert found["Responses"][0] == {"TableName": "orders", "Item": {"total": {"N": "10"}}}
    assert found["Responses"][1] == {"TableName": "orders"}
    assert "must specify the primary key in the where clause" in found["Responses"][2]["Error"]["Message"]


def test_a_transaction_is_done_whole_or_not_at_all(shop: Box) -> None:
    update = "UPDATE orders SET total = 0 WHERE id = 'a' AND n = 1"
    insert = "INSERT INTO orders VALUE {'id': 'new', 'n': 1}"
    statements = [{"Statement": update}, {"Statement": insert}]
    assert shop("ExecuteTransaction", TransactStatements=statements)["Responses"] == []
    with pytest.raises(ServiceError) as caught:
        shop("ExecuteTransaction", TransactStatements=[{"Statement": update.replace("= 0", "= 7")}, statements[1]])
    assert [reason["Code"] for reason in caught.value.extras["CancellationReasons"]] == ["None", "DuplicateItem"]
    reads = [{"Statement": f"SELECT total FROM orders WHERE id = 'a' AND n = {n}"} for n in (1, 9)]
    found = shop("ExecuteTransaction", TransactStatements=reads)["Responses"]
    assert found == [{"Item": {"total": {"N": "0"}}}, {}]
    mixed = refusal(shop, "ExecuteTransaction", TransactStatements=[reads[0], statements[0]])
    assert "both read and write statements" in mixed
    returning = [{"Statement": f"{update} RETURNING ALL NEW *"}]
    assert "RETURNING clause is not supported" in refusal(shop, "ExecuteTransaction", TransactStatements=returning)
    whole = [{"Statement": "SELECT * FROM orders WHERE id = 'a'"}]
    assert "must specify the primary key" in refusal(shop, "ExecuteTransaction", TransactStatements=whole)


def test_what_a_statement_costs_is_told(shop: Box) -> None:
    answer = shop("ExecuteStatement", Statement="SELECT * FROM orders WHERE id = 'a'", ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == {"TableName": "orders", "CapacityUnits": 0.5}
    assert T["TableName"] == "orders"


def test_a_batch_reads_or_writes(shop: Box) -> None:
    read, write = ({"Statement": f"{what} FROM orders WHERE id = 'a' AND n = 1"} for what in ("SELECT *", "DELETE"))
    with pytest.raises(ServiceError, match="both read and write"):
        shop("BatchExecuteStatement", Statements=[read, write])
    found = shop("BatchExecuteStatement", Statements=[read, {"Statement": "SELECT"}])["Responses"]
    assert "Error" in found[1]
