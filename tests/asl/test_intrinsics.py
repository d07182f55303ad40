"""Intrinsic functions: what each gives, what it refuses, and how a call is written."""

from __future__ import annotations

import copy
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd.asl.intrinsics import (
    IntrinsicFailure,
    IntrinsicSyntaxError,
    MissingArgument,
    compile_intrinsic,
    is_intrinsic,
)
from flowd.entropy import Entropy

INPUT: dict[str, Any] = {
    "name": "Ada",
    "n": 3,
    "list": [1, 2, 3],
    "object": {"Arg1": 1, "Arg2": []},
    "nothing": None,
    "template": "It's {}!",
    "json": '{"a": [1.0]}',
    "mixed": [2, 1, 1.0, True, "1", {"a": 1}, {"a": 1.0}, [1], [1]],
}
CONTEXT = {"Execution": {"Name": "run"}}
VARIABLES: dict[str, Any] = {"place": "here", "list": [9]}


def call(text: str, value: Any = INPUT, seed: bytes = b"seed") -> Any:
    return compile_intrinsic(text).evaluate(value, CONTEXT, VARIABLES, Entropy(seed))


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("States.Format('Hello {}, welcome to {}!', $.name, $place)", "Hello Ada, welcome to here!"),
        ("States.Format('{} {} {} {}', 1, 1.5, null, true)", "1 1.5 null true"),
        ("States.Format('{} and {}', $.object, $.list)", "{Arg1=1, Arg2=[]} and [1, 2, 3]"),
        ("States.Format('\\{\\} \\'{}\\' \\\\', $$.Execution.Name)", "{} 'run' \\"),
        ("States.Format('{\"id\": {}}', 1)", '{"id": 1}'),
        ("States.Format($.template, $.n)", "It's 3!"),
        ("States.Format('plain')", "plain"),
        ("States.StringToJson($.json)", {"a": [1.0]}),
        ("States.StringToJson('')", None),
        ("States.StringToJson('{}')", {}),
        ("States.JsonToString($.object)", '{"Arg1":1,"Arg2":[]}'),
        ("States.Array()", []),
        ("States.Array(1, 'two', null, true)", [1, "two", None, True]),
        ("States.Array($.name, $$.Execution.Name, $place)", ["Ada", "run", "here"]),
        ("States.ArrayPartition($.list, 2)", [[1, 2], [3]]),
        ("States.ArrayPartition($.list, 2.6)", [[1, 2], [3]]),
        ("States.ArrayContains($.mixed, true)", True),
        ("States.ArrayContains($.list, 2.0)", True),
        ("States.ArrayContains($.list, true)", False),
        ("States.ArrayContains(States.Array('true'), true)", True),
        ("States.ArrayContains(States.Array('9007199254740991'), 9007199254740991)", True),
        ("States.ArrayContains(States.Array(States.Array(0, 1, false)), States.Array(0, 1, false))", True),
        ("States.ArrayContains(States.Array($.object), States.StringToJson('{\"Arg2\":[],\"Arg1\":1}'))", False),
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayRange(9, 1, -3)", [9, 6, 3]),
        ("States.ArrayRange(1, 9, -1)", []),
        ("States.ArrayRange(5.4, -0.6, -2.4)", [5, 3, 1]),
        ("States.ArrayRange(1.6, 1.4, 1)", [1]),
        ("States.ArrayLength(States.ArrayRange(1, 1000, 1))", 1000),
        ("States.ArrayGetItem($.list, 0)", 1),
        ("States.ArrayGetItem($.list, 1.7)", 2),
        ("States.ArrayGetItem(States.Array(), 999)", None),
        ("States.ArrayLength($.list)", 3),
        ("States.ArrayUnique($.mixed)", [2, 1, True, "1", {"a": 1}, [1]]),
        ("States.Base64Encode('Grüße')", "R3LDvMOfZQ=="),
        ("States.Base64Decode('R3LDvMOfZQ==')", "Grüße"),
        ("States.Base64Decode('SGVsbG8')", "Hello"),
        ("States.Base64Decode(' YWJj ZA== ')", "abcd"),
        ("States.Base64Decode('YWI=Y2Q=')", "ab"),
        ("States.Base64Decode('!!!YWJjZ')", "abc"),
        ("States.Hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("States.Hash($.list, 'MD5')", "f1e46f328e6decd56c64dd5e761dc2b7"),
        ("States.JsonMerge($.object, $.object, false)", {"Arg1": 1, "Arg2": []}),
        ("States.JsonMerge($.object, $.object, 'true')", {"Arg1": 1, "Arg2": []}),
        ("States.MathAdd(-9, 3)", -6),
        ("States.MathAdd(2147483646, 1)", 2147483647),
        ("States.StringSplit('1.2,3', '.,')", ["1", "2", "3"]),
        ("States.StringSplit(',,,', ',')", []),
        ("States.StringSplit(' , ', ',')", [" ", " "]),
        ("States.StringSplit('a b', ',')", ["a b"]),
        ("States.StringSplit('Hello\nWorld', '\n')", ["Hello", "World"]),
        ("States.ArrayGetItem(States.StringSplit($.name, 'd'), 1)", "a"),
        ("States.Array( 1 ,2 )", [1, 2]),
        ("States.Array($.mixed[?(@.a == 1)].a, $..Arg1)", [[1, 1.0], [1]]),
    ],
)  # fmt: skip
def test_a_call_gives_its_result(text: str, result: Any) -> None:
    found = call(text)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("first", "second", "total"),
    [(1.49, 1.5, 3), (1.5, 1.51, 4), (-1.49, -1.5, -2), (-1.5, -1.51, -3), (-0.5, 0.5, 1), (2.5, 0, 3), (-3.5, 0, -3)],
)
def test_fractions_are_rounded_with_halves_upwards(first: float, second: float, total: int) -> None:
    # Recorded on AWS: TestMathOperations::test_math_add.
    assert call("States.MathAdd($.a, $.b)", {"a": first, "b": second}) == total


@pytest.mark.parametrize(
    "text",
    [
        "States.Format($.template)",
        "States.Format($.n, 1)",
        "States.StringToJson('no')",
        "States.StringToJson($.n)",
        "States.ArrayPartition($.list, 0)",
        "States.ArrayPartition($.list, -1)",
        "States.ArrayPartition($.name, 1)",
        "States.ArrayRange(1, 9, 0)",
        "States.ArrayRange(0, 1000, 1)",
        "States.ArrayRange(0, 1e300, 1)",
        "States.ArrayRange('a', 2, 1)",
        "States.ArrayGetItem($.list, 3)",
        "States.ArrayGetItem($.list, -1)",
        "States.ArrayLength($.object)",
        "States.ArrayUnique($.name)",
        "States.ArrayPartition($.list, 0.6)",
        "States.ArrayRange(1, 10, 0.49)",
        "States.Base64Encode($.n)",
        "States.Hash('a', 'SHA-3')",
        "States.Hash('a', $.list)",
        "States.JsonMerge($.object, $.list, false)",
        "States.JsonMerge($.object, $.object, true)",
        "States.MathRandom(5, 5)",
        "States.MathRandom(0, 2147483648)",
        "States.MathRandom(1.4, 1.6)",
        "States.MathAdd(2147483647, 1)",
        "States.MathAdd(-2147483648, -1)",
        "States.MathAdd(2147483648, 0)",
        "States.MathAdd(true, 1)",
        "States.StringSplit($.n, ',')",
    ],
)
def test_bad_values_fail_when_the_call_is_worked_out(text: str) -> None:
    with pytest.raises(IntrinsicFailure):
        call(text)


def test_base64_and_hash_take_ten_thousand_characters() -> None:
    for text in ("States.Base64Encode($)", "States.Hash($, 'MD5')", "States.Base64Decode($)"):
        call(text, "aaaa" * 2500)
        with pytest.raises(IntrinsicFailure, match="longer than 10000"):
            call(text, "aaaa" * 2501)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "States",
        "States.",
        "States.Foo()",
        "States.UUID",
        "States.UUID(1)",
        "States.UUID() x",
        "States.ArrayLength()",
        "States.Array(1,)",
        "States.Array(,1)",
        "States.Array(1 2)",
        "States.Array(",
        "States.Array('a)",
        'States.Array("a")',
        "States.Array(01)",
        "States.Array(nan)",
        "States.Array($.a[)",
        "States.Array(@.a)",
        "States.Format('{}')",
        "States.Format('a', 1)",
        "States.Format('\\n')",
        # Both recorded on AWS: TestBaseScenarios::test_illegal_escapes.
        'States.StringToJson(\'{"text":"An \\"escaped double quote\\" here"}\')',
        "States.Format('He said, \\\"Hello, {}!\\\"', 'Test \\\"Name\\\" Here')",
    ],
)
def test_a_call_that_is_written_wrongly_is_refused_when_it_is_compiled(text: str) -> None:
    with pytest.raises(IntrinsicSyntaxError):
        compile_intrinsic(text)


def test_calls_nest_ten_deep() -> None:
    def nested(depth: int) -> str:
        return "States.Array(" * depth + ")" * depth

    compile_intrinsic(nested(10))
    with pytest.raises(IntrinsicSyntaxError, match="at most 10"):
        compile_intrinsic(nested(11))
    with pytest.raises(IntrinsicSyntaxError):
        compile_intrinsic(nested(5000))


def test_an_argument_that_finds_nothing_is_named() -> None:
    with pytest.raises(MissingArgument, match="No results for path") as failure:
        call("States.Array(States.Array($.missing))")
    assert failure.value.path == "$.missing"


def test_chance_comes_from_the_entropy_alone() -> None:
    for text in ("States.UUID()", "States.MathRandom(0, 1000000)"):
        assert call(text) == call(text)
        assert call(text) != call(text, seed=b"other")
    assert uuid.UUID(call("States.UUID()")).version == 4
    drawn = compile_intrinsic("States.Array(States.UUID(), States.UUID())").evaluate({}, {}, {}, Entropy(b"1"))
    assert drawn[0] != drawn[1]


def test_a_seed_makes_a_random_number_repeatable_whatever_the_entropy() -> None:
    # new java.util.Random(42).nextInt(10) is 0, then 3.
    assert {call("States.MathRandom(0, 10, 42)", seed=bytes([n])) for n in range(9)} == {0}
    assert call("States.MathRandom(-2147483648, 2147483647, 7)") == call(
        "States.MathRandom(-2147483648, 2147483647, 7)"
    )


@given(st.integers(-1000, 1000), st.integers(1, 1000), st.binary(min_size=1, max_size=8))
def test_a_random_number_lies_from_the_start_up_to_before_the_end(start: int, width: int, seed: bytes) -> None:
    value = {"a": start, "b": start + width, "s": len(seed)}
    assert start <= call("States.MathRandom($.a, $.b)", value, seed) < start + width
    assert start <= call("States.MathRandom($.a, $.b, $.s)", value, seed) < start + width


def test_a_call_knows_its_name_and_the_variables_it_needs() -> None:
    found = compile_intrinsic("States.Format('{}{}', States.Array($a.b, $.c[?(@.d == $e)]), $$.f)")
    assert found.name == "Format"
    assert found.variables == {"a", "e"}


def test_what_begins_like_a_call_is_meant_as_one() -> None:
    assert is_intrinsic("States.Foo")
    assert not is_intrinsic("$.States.Format()")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=15,
)


@given(st.lists(JSON, max_size=6))
def test_unique_keeps_the_first_of_each_and_contains_finds_it(items: list[Any]) -> None:
    before = copy.deepcopy(items)
    unique = call("States.ArrayUnique($)", items)
    assert call("States.ArrayUnique($)", unique) == unique
    for item in unique:
        assert call("States.ArrayContains($.list, $.item)", {"list": items, "item": item})
    assert items == before


@given(JSON)
def test_json_survives_the_way_through_text(value: Any) -> None:
    assert call("States.StringToJson(States.JsonToString($))", value) == value


@given(
    st.text(max_size=30)
    | st.text(alphabet="States.FormatArray('{}\\$,) 01", max_size=40).map(lambda s: "States.Format(" + s)
)
def test_random_text_is_a_call_or_a_syntax_error(text: str) -> None:
    try:
        found = compile_intrinsic(text)
    except IntrinsicSyntaxError:
        return
    try:
        found.evaluate(INPUT, CONTEXT, VARIABLES, Entropy(b""))
    except (IntrinsicFailure, MissingArgument):
        pass
