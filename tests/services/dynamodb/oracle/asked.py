"""Random expressions and values over a table `facts` (key: id, n), in the forms of the API. Nothing here is sent."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

Members = dict[str, Any]
PATHS: Final = ("a", "b", "g", "li", "ma", "ss", "ns", "li[0]", "li[1]", "li[5]", "ma.x", "ma.y", "ma.y.z", "a.q", "zz")
TEXTS: Final = ("", "a", "ab", "b", "ü")
NUMBERS: Final = ("0", "1", "-1", "2.50", "10", "1000", "-0.001", "123456789.123")
#: At the bounds of what a number may be, and behind them.
EXTREMES: Final = (
    *("1" * 38, "1" * 39, "1e125", "9.9999999999999999999999999999999999999e125", "1e126", "1e3"),
    *("1e-130", "1e-131", "-1e125", "-1e-130", "0." + "1" * 38, "1" + "0" * 50),
)
#: What most attributes of an item are, so that most comparisons and updates make sense.
TYPES: Final = {"b": "N", "g": "S", "li": "L", "ma": "M", "ss": "SS", "ns": "NS"}
OPERATORS: Final = ("=", "<>", "<", "<=", ">", ">=")
FORMS: Final = (
    *("{p} {o} {v}", "{p} {o} {v}", "{p} {o} {q}", "{v} {o} {p}", "attribute_exists({p})", "NOT {p} {o} {v}"),
    *("attribute_not_exists({p})", "attribute_type({p}, {v})", "begins_with({p}, {v})", "contains({p}, {v})"),
    *("size({p}) {o} {v}", "{p} IN ({v}, {w})", "{p} BETWEEN {v} AND {w}", "NOT ({p} {o} {v} OR contains({q}, {w}))"),
)
PLAIN: Final = ("{v}", "{v}", "{q}", "{q} + {v}", "{v} - {q}", "list_append({q}, {v})", "list_append({v}, {q})")


class Asked:
    """One stream of random requests."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    # -- values ------------------------------------------------------------------

    def key(self) -> Members:
        return {"id": {"S": self.pick("xyz")}, "n": {"N": self.pick(("1", "2", "-10", "1.5"))}}

    def of_type(self, name: str, depth: int = 0) -> Members:
        made: dict[str, Callable[[], Any]] = {
            "S": lambda: self.pick(TEXTS),
            "N": lambda: self.pick(NUMBERS),
            "BOOL": lambda: self.pick((True, False)),
            "NULL": lambda: True,
            "B": lambda: self.pick((b"", b"a", b"ab", b"\xff")),
            "SS": lambda: self.random.sample(("a", "b", "c"), self.random.randint(1, 3)),
            "NS": lambda: self.random.sample(("1", "2", "10"), self.random.randint(1, 3)),
            "BS": lambda: self.random.sample((b"a", b"b", b"\xff"), self.random.randint(1, 3)),
            "L": lambda: [self.value(depth + 1) for _ in range(self.random.randint(0, 3))],
            "M": lambda: {member: self.value(depth + 1) for member in self.random.sample("xyz", 2)},
        }
        return {name: made[name]()}

    def value(self, depth: int = 0) -> Members:
        if self.chance(0.01):
            return self.pick(({"N": self.pick(EXTREMES)}, {"SS": []}, {"NS": []}, {"NS": ["1", "1.0"]}))
        scalars = ("S", "N", "BOOL", "NULL", "B", "SS", "NS", "BS")
        return self.of_type(self.pick((*scalars, "L", "M") if depth < 2 else scalars), depth)

    def suited(self, path: str) -> Members:
        """A value that mostly has the type of what stands there."""
        name = TYPES.get(path)
        return self.of_type(name, 1) if name and self.chance(0.7) else self.value()

    def attributes(self) -> Members:
        made = {
            "a": self.value(),
            "b": {"N": self.pick(NUMBERS)},
            "g": {"S": self.pick(("p", "q"))},
            "li": {"L": [self.value(1) for _ in range(self.random.randint(0, 4))]},
            "ma": {"M": {"x": self.value(1), "y": {"M": {"z": self.value(2)}}}},
            "ss": {"SS": ["a", "b"]},
            "ns": {"NS": ["1", "2"]},
        }
        return {name: value for name, value in made.items() if self.chance(0.7)}

    # -- conditions ----------------------------------------------------------------

    def comparison(self, values: Members) -> str:
        path, other, form = self.pick(PATHS), self.pick(PATHS), self.pick(FORMS)
        name, more = f":c{len(values)}", f":d{len(values)}"
        if "{v}" in form:
            values[name] = {"N": self.pick("0123")} if "size" in form else self.suited(path)
        if "attribute_type" in form:
            values[name] = {"S": self.pick(("S", "N", "L", "M", "SS"))}
        if "{w}" in form:
            values[more] = self.suited(path)
        sign = self.pick(OPERATORS)
        ordered = ("{o}" in form and sign not in ("=", "<>")) or "BETWEEN" in form
        if ordered and "size" not in form and self.chance(0.8):
            low, high = self.in_order(path)  # of what has an order: else it is refused, which is known
            values |= {name: high} if "{v}" in form else {}
            values |= {name: low, more: high} if "BETWEEN" in form else {}
        return form.format(p=path, q=other, o=sign, v=name, w=more)

    def in_order(self, path: str) -> tuple[Members, Members]:
        if TYPES.get(path, self.pick("NS")) == "N":
            low, high = sorted((self.pick(NUMBERS), self.pick(NUMBERS)), key=float)
            return {"N": low}, {"N": high}
        low, high = sorted((self.pick(TEXTS), self.pick(TEXTS)))
        return {"S": low}, {"S": high}

    def condition(self, values: Members) -> str:
        """Parts that AND and OR join, some of them in parentheses or negated."""
        parts = [self.comparison(values) for _ in range(self.pick((1, 1, 1, 2, 3)))]
        text = parts[0]
        for part in parts[1:]:
            text = self.pick(("{} AND {}", "{} OR {}", "({}) AND NOT {}", "NOT ({}) OR {}")).format(text, part)
        return text

    def guarded(self, members: Members) -> Members:
        values = members.pop("ExpressionAttributeValues", {})
        if self.chance(0.3):
            members["ConditionExpression"] = self.condition(values)
            if self.chance(0.3):
                members["ReturnValuesOnConditionCheckFailure"] = self.pick(("ALL_OLD", "NONE"))
        return with_values(members, values)

    def expected(self, names: tuple[str, ...] = ("a", "b", "g", "ss", "zz")) -> Members:
        """The older form of a condition, of `Expected` and of filters."""
        said: Members = {}
        for name in self.random.sample(names, self.pick((1, 1, 2))):
            operators = ("EQ", "NE", "LT", "LE", "GT", "GE", "NULL", "NOT_NULL", "IN", "BETWEEN", "CONTAINS")
            operator = self.pick(operators if name in ("b", "g") else (*operators[:2], *operators[6:9]))
            scalar = {"N": self.pick(NUMBERS)} if name == "b" else {"S": self.pick(("a", "p", "q"))}
            values = {"NULL": [], "NOT_NULL": [], "IN": [scalar, scalar], "BETWEEN": [scalar, scalar]}
            given = values.get(operator, [scalar])
            said[name] = {"ComparisonOperator": operator, **({"AttributeValueList": given} if given else {})}
        return said

    # -- updates -------------------------------------------------------------------

    def action(self, section: str, values: Members) -> str:
        path, other, name = self.pick(PATHS), self.pick(PATHS), f":u{len(values)}"
        if section == "REMOVE":
            return path
        number = {"N": self.pick(EXTREMES if self.chance(0.02) else NUMBERS)}
        if section in ("ADD", "DELETE"):
            path = self.pick((path, "ss", "ns", "b"))
            kinds = {"ss": {"SS": ["b", "c"]}, "ns": {"NS": ["2", "3"]}, "b": number}
            values[name] = kinds.get(path) if path in kinds and self.chance(0.7) else self.pick(list(kinds.values()))
            return f"{path} {name}"
        form = self.pick((*PLAIN, "if_not_exists({q}, {v})", "if_not_exists({q}, {v}) + {v}"))
        if "{v}" in form:
            values[name] = number if "+" in form or "-" in form else self.value(1)
            if "+" in form or "-" in form:
                other = self.pick((other, "b"))
            if "list_append" in form:
                values[name], other = {"L": [self.value(2)]}, self.pick((other, "li"))
        return f"{path} = {form.format(q=other, v=name)}"

    def update(self, values: Members) -> str:
        sections: list[str] = []
        for section in self.random.sample(("SET", "SET", "REMOVE", "ADD", "DELETE"), self.pick((1, 1, 2))):
            if not any(made.startswith(section) for made in sections):
                count = self.pick((1, 1, 2))
                sections.append(f"{section} {', '.join(self.action(section, values) for _ in range(count))}")
        return " ".join(sections)

    def attribute_updates(self) -> Members:
        """The older form of an update."""
        said: Members = {}
        for name in self.random.sample(("a", "b", "g", "ss", "ns", "li"), self.pick((1, 1, 2))):
            made = {"PUT": self.value(1), "ADD": {"N": "2"}, "DELETE": {"SS": ["a", "z"]}}
            if name == "g":
                made["PUT"] = {"S": self.pick("pq")}
            if name == "b":
                made["PUT"] = {"N": self.pick(NUMBERS)}
            if name == "ss":
                made["ADD"] = {"SS": ["b", "d"]}
            if name == "ns":
                made["ADD"], made["DELETE"] = {"NS": ["3", "2"]}, {"NS": ["1", "9"]}
            action = self.pick(tuple(made))
            said[name] = {"Action": action, "Value": made[action]}
            if action == "DELETE" and (name not in ("ss", "ns") or self.chance(0.3)):
                del said[name]["Value"]
        return said

    # -- reads ---------------------------------------------------------------------

    def projection(self, members: Members) -> Members:
        """None with a filter behind a local index: what the filter sees then is told nowhere."""
        if not self.chance(0.4) or (members.get("IndexName") == "by_b" and "FilterExpression" in members):
            return {}
        paths = self.random.sample((*PATHS, "id", "li[2]"), self.pick((1, 2, 3)))
        return {"ProjectionExpression": ", ".join(paths)}

    def ranged(self) -> tuple[str, Members]:
        """A key condition of the table."""
        form = self.pick(("", " AND n = :n", " AND n < :n", " AND n >= :n", " AND n BETWEEN :n AND :m"))
        values = {":i": {"S": self.pick("xyz")}}
        if ":n" in form:
            values[":n"] = {"N": self.pick(("-20", "1", "1.5"))}
        if ":m" in form:
            values[":m"] = {"N": "2"}
        return f"id = :i{form}", values

    def bytes_key(self) -> Members:
        places = (b"\x00", b"\x00\xff", b"\x7f", b"\x80", b"\xff", b"a", b"ab")
        return {"id": {"B": self.pick((b"x", b"\xff"))}, "k": {"B": self.pick(places)}}

    def bytes_ranged(self) -> tuple[str, Members]:
        """A key condition over bytes."""
        form = self.pick(("k < :k", "k >= :k", "k = :k", "begins_with(k, :k)", "k BETWEEN :k AND :m"))
        low, high = sorted(self.bytes_key()["k"]["B"] for _ in range(2))
        more = {":m": {"B": high}} if ":m" in form else {}
        return f"id = :i AND {form}", {":i": self.bytes_key()["id"], ":k": {"B": low}, **more}

    def statement(self) -> tuple[str, list[Any], Members]:
        """PartiQL over one item or one partition, as far as moto reads it: text, parameters, the key of a change."""
        key, where = self.key(), " WHERE id = ? AND n = ?"
        kind = self.pick(("INSERT", "UPDATE", "UPDATE", "DELETE", "SELECT", "SELECT", "SELECT"))
        if kind == "INSERT":
            values = f"{{'id': '{key['id']['S']}', 'n': {key['n']['N']}, 'a': '{self.pick(TEXTS)}'}}"
            return f'INSERT INTO "facts" VALUE {values}', [], key
        if kind == "UPDATE":
            changes: dict[str, list[Any]] = {"SET a = ?": [self.value(2)], "SET b = ?": [{"N": "3"}], "REMOVE a": []}
            change = self.pick(tuple(changes))
            given = changes[change]
            return f'UPDATE "facts" {change}{where}', [*given, *key.values()], key
        if kind == "DELETE":
            return f'DELETE FROM "facts"{where}', [*key.values()], key
        shown = self.pick(("*", "a, b", "g", "id, ma"))
        conditions: dict[str, list[Any]] = {" AND n = ?": [key["n"]], "": [], " AND g = ?": [{"S": "p"}]}
        more = self.pick(tuple(conditions))
        return f'SELECT {shown} FROM "facts" WHERE id = ?{more}', [key["id"], *conditions[more]], {}

    def keyed(self) -> tuple[Members, Members]:
        """What a Query is of: the table or an index; its members and values."""
        where = self.pick(("table", "table", "by_g", "by_b"))
        if where == "table":
            condition, values = self.ranged()
            return {"KeyConditionExpression": condition}, values
        if where == "by_g":
            number = {} if self.chance(0.5) else {":n": self.key()["n"]}
            condition = f"g = :g{' AND n >= :n' if number else ''}"
            return {"IndexName": where, "KeyConditionExpression": condition}, {":g": {"S": self.pick("pq")}, **number}
        values = {":i": {"S": self.pick("xyz")}, ":b": {"N": self.pick(NUMBERS)}}
        return {"IndexName": where, "KeyConditionExpression": f"id = :i AND b {self.pick(('<', '>='))} :b"}, values


def with_values(members: Members, values: Members) -> Members:
    return {**members, **({"ExpressionAttributeValues": values} if values else {})}
