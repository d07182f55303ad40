"""JSONata behind its adapter: values, added functions, errors in AWS's words, and expressions that never end."""

from __future__ import annotations

import copy
import resource
import subprocess
import sys
import threading
import time
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd.asl import jsonata
from flowd.asl.jsonata import UNDEFINED, JsonataError
from flowd.entropy import Entropy

NOW_MS = 1_700_000_000_000
STATES = {
    "input": {"items": [{"n": 3, "ok": True}, {"n": 9, "ok": False}], "one": [7], "name": "Ada", "none": None},
    "context": {"Execution": {"Id": "arn:x"}},
}


def run(expression: str, seed: bytes = b"seed", **variables: Any) -> Any:
    return jsonata.evaluate(expression, {"states": STATES, **variables}, NOW_MS, Entropy(seed))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$states.input.items.n", [3, 9]),
        ("$states.input.items[ok].n", 3),
        ("$states.input.one", [7]),
        ("$states.input.one.($ + 1)", 8),
        ("$sum($states.input.items.n) + 1", 13),
        ("'Hello ' & $states.input.name", "Hello Ada"),
        ("$states.context.Execution.Id", "arn:x"),
        ("$states.input.none", None),
        ("null", None),
        ("{'a': $missing, 'b': null}", {"b": None}),
        ("[1, [2]]", [1, [2]]),
        ("$variable := 1", 1),
        ("($x := 2; $x * 3)", 6),
        ("$contains('hello$world', /^hello\\$/)", True),
        ("1.0", 1),
        ("6/2", 3),
        ("0.1 + 0.2", 0.30000000000000004),
        ("$string(1e20)", "100000000000000000000"),
        ("12345678901234567890", 12345678901234567000),
        ("0/0", "NaN"),
        ("/* a */ 1 /* b */", 1),
        ("$now()", "2023-11-14T22:13:20.000Z"),
        ("$millis()", NOW_MS),
    ],
)
def test_an_expression_gives_its_value(expression: str, value: Any) -> None:
    found = run(expression)
    assert found == value
    assert type(found) is type(value)


def test_variables_are_read_by_name() -> None:
    assert run("$q.a + $r", q={"a": 1}, r=2) == 3


@pytest.mark.parametrize("name", ["partition", "range", "hash", "random", "uuid", "parse"])
def test_a_variable_goes_before_the_added_function_of_its_name(name: str) -> None:
    assert jsonata.evaluate(f"${name}", {name: {"a": 5}}, NOW_MS, Entropy(b"")) == {"a": 5}


@pytest.mark.parametrize("expression", ["$missing", "$states.input.no.such", "$states.input.items[n > 100]", "()", "$"])
def test_nothing_is_not_null(expression: str) -> None:
    assert run(expression) is UNDEFINED


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$partition([1,2,3], 2)", [[1, 2], [3]]),
        ("$partition([0], 1)", [[0]]),
        ("$partition([1,2,3], 2.9)", [[1, 2], [3]]),
        ("$partition([], 2)", UNDEFINED),
        ("$partition([1], 0)", UNDEFINED),
        ("$range(0, 10, 3)", [0, 3, 6, 9]),
        ("$range(1, 9, 9)", 1),
        ("[$range(1, 9, 9)]", [1]),
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ("$range(3, 1, -1)", [3, 2, 1]),
        ("$range(3, 1, 1)", UNDEFINED),
        ("$range(3, 1, 0)", UNDEFINED),
        ("$range(1, 3)", UNDEFINED),
        ("$count($range(1, 360145, 1))", 360145),
        ("$hash('input', 'SHA-1')", "140f86aae51ab9e1cda9b4254fe98a74eb54c1a1"),
        ("$hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("$hash('a')", UNDEFINED),
        ("$parse('{\"a\":[1.50,null]}')", {"a": [1.5, None]}),
        ("$parse('null')", None),
        ("$parse('[1]')", [1]),
        ("$map(['1','[2]'], $parse)", [1, [2]]),
        ("$parse($missing)", UNDEFINED),
        ("$random(42)", 0.7275636800328681),
    ],
)
def test_the_functions_that_step_functions_adds(expression: str, value: Any) -> None:
    # Recorded on AWS: TestArrayJSONata; the corners and $random(42) as measured there by others (see the module).
    assert run(expression) == value


def test_chance_comes_from_the_entropy_alone() -> None:
    for expression in ("$random()", "$uuid()", "$shuffle([1..50])"):
        assert run(expression) == run(expression)
        assert run(expression) != run(expression, seed=b"other")
    assert 0 <= run("$random()") < 1
    assert uuid.UUID(run("$uuid()")).version == 4
    assert run("$random() = $random()") is False


@pytest.mark.parametrize(
    ("expression", "ending"),
    [
        ("$foo(1)", ". T1006: Attempted to invoke a non-function"),
        ("$sqrt(-1)", ". D3060: The sqrt function cannot be applied to a negative number: -1"),
        ("$sqrt(-1.5)", ". D3060: The sqrt function cannot be applied to a negative number: -1.5"),
        (
            "$formatBase(5, 99)",
            ". D3100: The radix of the formatBase function must be between 2 and 36.  It was given 99",
        ),
        ("$eval('1')", ". T1006: Attempted to invoke a non-function"),
        ("$sum(['a'])", '. T0412: Argument 1 of function "sum" must be an array of "numbers"'),
        ("'a' + 1", '. T2001: The left side of the "+" operator must evaluate to a number'),
        ("$error('boom')", ". D3137: boom"),
        ("$partition([1], -1)", '. T0410: Argument 2 of function "partition" does not match function signature'),
        ("$uuid(1)", '. T0410: Argument 1 of function "uuid" does not match function signature'),
        ("$range('a', 2, 1)", '. T0410: Argument 1 of function "range" does not match function signature'),
        ("$hash('a', 'sha-1')", '. T0410: Argument 2 of function "hash" does not match function signature'),
        ("$parse(null)", '. T0410: Argument 1 of function "parse" does not match function signature'),
        ("$replace('a', '', 'b')", ": Second argument of replace function cannot be an empty string"),
        (
            "+".join(["1"] * 101),
            ": Stack overflow error: Check for non-terminating recursive function. "
            "Consider rewriting as tail-recursive",
        ),
        (
            "$range(1, 360146, 1)",
            ": Expression evaluation memory limit exceeded: Check for excessive memory usage",
        ),
    ],
)
def test_a_failure_is_worded_as_on_aws(expression: str, ending: str) -> None:
    with pytest.raises(JsonataError) as failure:
        run(expression)
    assert failure.value.ending == ending


def test_bad_json_text_fails_in_parse() -> None:
    with pytest.raises(JsonataError, match="Syntax error in JSON text"):
        run("$parse('{')")


@pytest.mark.parametrize("expression", ["$sum", "function($x){$x}", "$parse", "$states.input.(function($x){$x})"])
def test_a_function_is_no_result(expression: str) -> None:
    with pytest.raises(JsonataError) as failure:
        run(expression)
    assert failure.value.code == jsonata.UNSUPPORTED_RESULT


def test_a_variable_that_no_number_can_hold_is_an_error() -> None:
    with pytest.raises(JsonataError):
        run("$big", big=10**400)


@pytest.mark.parametrize(
    ("deepest", "too_deep"),
    [
        ("+".join(["1"] * 100), "+".join(["1"] * 101)),
        ("(" * 99 + "1" + ")" * 99, "(" * 100 + "1" + ")" * 100),
        ("($f := function($n){$n=0 ? 0 : 1+$f($n-1)}; $f(31))", "($f := function($n){$n=0 ? 0 : 1+$f($n-1)}; $f(32))"),
    ],
)
def test_expressions_nest_as_deep_as_on_aws(deepest: str, too_deep: str) -> None:
    run(deepest)
    with pytest.raises(JsonataError) as failure:
        run(too_deep)
    assert failure.value.ending.startswith(": Stack overflow error: Check for non-terminating recursive function.")


RUNAWAYS = {
    "a tail call without end": "($f := function($n){$f($n+1)}; $f(1))",
    "recursion without end": "($f := function($n){1+$f($n+1)}; $f(1))",
    "a range of millions": "[1..9999999]",
    "ranges of ranges": "$map([1..1000], function($v){[1..100000]})",
    "a string that doubles": "($s := function($n,$x){$n=0?$x:$s($n-1,$x & $x)}; $s(60,'abc'))",
    "an array that doubles": "($s := function($n,$x){$n=0?$x:$s($n-1,$append($x,$x))}; $s(60,[1]))",
    "an object that doubles": "($g := function($o,$n){$n=0?$o:$g({'l':$o,'r':$o},$n-1)}; $g({},60))",
    "a pattern that explodes": "$match($pad('', 40, 'a') & '!', /(a+)+$/)",
    "a padding of a gigabyte": "$pad('x', 1000000000)",
    "parentheses without end": "(" * 20000 + "1" + ")" * 20000,
}


@pytest.mark.parametrize("expression", RUNAWAYS.values(), ids=list(RUNAWAYS))
def test_a_runaway_expression_ends_in_an_error_soon(expression: str) -> None:
    began = time.monotonic()
    with pytest.raises(JsonataError):
        run(expression)
    assert time.monotonic() - began < 8  # the limit is one second; the rest is for a busy machine


def test_runaway_expressions_stay_below_three_gigabytes() -> None:
    program = (
        "import sys\nfrom flowd.asl import jsonata\nfrom flowd.entropy import Entropy\n"
        "try:\n    jsonata.evaluate(sys.argv[1], {}, 0, Entropy(b''))\n"
        "except jsonata.JsonataError as error:\n    print(error)\n"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))

    ended = subprocess.run(
        [sys.executable, "-c", program, RUNAWAYS["ranges of ranges"]], preexec_fn=limit, capture_output=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert b"Expression evaluation" in ended.stdout


def test_expressions_run_in_threads_and_other_threads_run_meanwhile() -> None:
    failures: list[str] = []

    def spin() -> None:
        try:
            run(RUNAWAYS["a pattern that explodes"])
        except JsonataError as error:
            failures.append(str(error))

    threads = [threading.Thread(target=spin) for _ in range(2)]
    for thread in threads:
        thread.start()
    counted = 0
    while any(thread.is_alive() for thread in threads):
        counted += run("1") == 1
    for thread in threads:
        thread.join()
    assert failures == ["Expression evaluation timeout: Check for infinite loop"] * 2
    assert counted > 20


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("1 + 1", None),
        ("$states.input.items[n > 3].n", None),
        ("$map($states.input.items, function($i){$i.n})", None),
        ("$eval('1')", None),
        ("$contains('$$ a', /$$/)", None),
        ("1 +", "S0207: Unexpected end of expression"),
        ('"open', "S0101: String literal must be terminated by a matching quote"),
        ("", "S0207: Unexpected end of expression"),
        ("phone", "Reference to 'phone' at the top level is not supported."),
        ("$states.input.a + b.c", "Reference to 'b' at the top level is not supported."),
        ("$$.a", "Reference to '$$' is not supported."),
        ("$$", "Reference to '$$' is not supported."),
    ],
)
def test_check_says_what_the_service_would_not_accept(expression: str, problem: str | None) -> None:
    assert jsonata.check(expression) == problem


def test_an_expression_tells_which_names_it_takes_from_outside() -> None:
    assert jsonata.variables("$a.b + $sum($states.input.c) + $range($d, 2, 1)") == {"a", "states", "d"}
    assert jsonata.variables("($z := $q; $z + $f(1) & '$no' /* $no */)") == {"q", "f"}
    assert jsonata.variables("$map($x, function($v, $i){$v + $i + $w})") == {"x", "w"}
    assert jsonata.variables("$eval('$y') + $a") == {"eval", "a"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_a_value_passes_through_unchanged_and_is_not_touched(value: Any) -> None:
    before = copy.deepcopy(value)
    assert jsonata.evaluate("$v", {"v": value}, 0, Entropy(b"")) == before
    assert jsonata.evaluate("{'k': $v.a}", {"v": {"a": value, "b": 1}}, 0, Entropy(b"")) == {"k": before}
    assert value == before


@given(st.text(max_size=30) | st.text(alphabet="$ab.[](){}:=?+-*/&|'\"`~>@#^%,;0 ", max_size=30))
def test_random_text_ends_in_a_value_or_a_jsonata_error(expression: str) -> None:
    problem = jsonata.check(expression)
    try:
        jsonata.evaluate(expression, {"a": {"b": [1]}}, 0, Entropy(b""))
    except JsonataError:
        return
    assert problem is None or problem.startswith("Reference to")
