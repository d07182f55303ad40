"""Expressions that are evaluated in processes of their own, and what ends those that never end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from flowd.asl import jsonata
from flowd.asl.jsonata import JsonataError
from flowd.engine.expressions import Expressions
from flowd.entropy import Entropy

#: 2^60 leaves out of 60 objects. The engine compares and shows them leaf by leaf and counts none of that as a step.
SHARED = "$f := function($o, $n) { {'l': $o, 'r': $o} }; $p := $reduce([1..60], $f, {}); $q := $reduce([1..60], $f, {})"


@pytest.fixture
def expressions() -> Iterator[Expressions]:
    made = Expressions()
    jsonata.evaluate_apart(made)
    yield made
    jsonata.evaluate_apart(None)
    made.stop()


def run(expression: str, seed: bytes = b"seed", **bindings: object) -> object:
    return jsonata.evaluate(expression, bindings, 1_700_000_000_000, Entropy(seed))


@pytest.mark.parametrize("end", ["$p = $q", "$uppercase($p)", "$p < 1"])
def test_values_that_share_their_parts_are_compared_and_shown_in_bounded_time(
    expressions: Expressions, end: str
) -> None:
    began = time.monotonic()
    with pytest.raises(JsonataError, match="Expression evaluation timeout: Check for infinite loop"):
        run(f"({SHARED}; {end})")
    assert time.monotonic() - began < 10
    assert run("{'a': 1}") == {"a": 1}


@pytest.mark.parametrize(
    "expression",
    [
        "{'a': $x.n, 'b': $none}",
        "$map($x.list, function($v) { $v * 2 })",
        "($y := $x.n; $y + $random())",
        "$x.list.[$, $uuid()]",
        "{'p': $parse('[1, 2]'), 'h': $hash('a', 'MD5'), 'range': $range(1, 3, 1)}",
        "($shuffle([1..20]); $now())",
        "{'big': $x.big, 'text': $x.text}",
        "$x.list[$ > 99].{'a': $}",
    ],
)
def test_the_value_is_the_same_as_without_a_process(expression: str) -> None:
    x = {"n": 7, "list": [1, 2, 3], "big": 2**70, "text": "\u00e9\U0001f600"}
    here = run(expression, x=x)
    apart = Expressions()
    jsonata.evaluate_apart(apart)
    try:
        assert run(expression, x=x) == here
    finally:
        jsonata.evaluate_apart(None)
        apart.stop()


def test_errors_come_back_with_their_words(expressions: Expressions) -> None:
    with pytest.raises(JsonataError, match="T2001: The left side"):
        run("($x := 'x'; {'a': $x + 1})")
    with pytest.raises(JsonataError) as refused:
        run("{'a': function($x) { $x }}.a")
    assert refused.value.code == jsonata.UNSUPPORTED_RESULT
    assert run("$x.{'a': 1}", x=[]) is jsonata.UNDEFINED


def test_what_builds_nothing_needs_no_process(expressions: Expressions) -> None:
    assert run("$x.list[0] + $sum($x.list)", x={"list": [1, 2]}) == 4
    assert run("$n > 1 ? {'a': {'b': $n}, 'c': [{'d': $n}]} : ('{'; {})", n=2) == {"a": {"b": 2}, "c": [{"d": 2}]}
    assert not expressions._all


def test_many_threads_ask_at_once_and_processes_are_used_again(expressions: Expressions) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda n: run("($m := $n * 2; {'n': $m})", n=n), range(100)))
    assert found == [{"n": 2 * n} for n in range(100)]
    assert 1 <= len(expressions._all) <= 4


def test_a_process_that_was_killed_is_replaced_and_stop_leaves_none(expressions: Expressions) -> None:
    run("$map([1], function($n) { {'a': $n} })")
    (process,) = expressions._all
    os.kill(process.pid, 9)
    process.wait()
    assert run("$map([2], function($n) { {'a': $n} })") == {"a": 2}
    (process,) = expressions._all
    expressions.stop()
    assert process.returncode is not None
    with pytest.raises(JsonataError, match="timeout"):
        run("$map([3], function($n) { {'a': $n} })")
    assert not expressions._all
