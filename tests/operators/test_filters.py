"""The filter grammar."""

from __future__ import annotations

import pytest

from flowd.errors import ValidationException
from flowd.operators.filters import parse
from flowd.store.matching import Filter

NOW = 1_700_000_000_000
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, Filter()),
        ("  ", Filter()),
        ("status:failed,RUNNING", Filter(statuses=("FAILED", "RUNNING"))),
        ("status:failed status:running,failed", Filter(statuses=("FAILED",))),
        ("machine:order-* name:a,b*", Filter(machines=("order-*",), names=("a", "b*"))),
        ("since:24h until:30m", Filter(since_ms=NOW - 24 * HOUR, until_ms=NOW - HOUR // 2)),
        ("since:1.5h since:1h", Filter(since_ms=NOW - HOUR)),
        ("since:2023-11-14", Filter(since_ms=1_699_920_000_000)),
        ("until:2023-11-14T01:00:00+01:00", Filter(until_ms=1_699_920_000_000)),
        ("waiting:Prompt type:express", Filter(waiting=("prompt",), types=("EXPRESS",))),
        ('error:"States.Timeout" "my order" x', Filter(errors=("States.Timeout",), words=('"my order" *', '"x" *'))),
        ("on:Charge,Ask* trigger:schedule:*", Filter(states=("Charge", "Ask*"), triggers=("schedule:*",))),
        ("waiting:>1h waiting:prompt", Filter(waiting=("prompt",), waiting_before_ms=NOW - HOUR)),
        (
            "waiting:>1h waiting:>2h waiting:<1d",
            Filter(waiting_before_ms=NOW - 2 * HOUR, waiting_after_ms=NOW - 24 * HOUR),
        ),
        ("input:4711 output:P-77", Filter(words=('input : "4711" *', 'output : "P-77" *'))),
        ('name:"a b"', Filter(names=("a b",))),
        ("map:5a1f-run status:failed", Filter(map_run="5a1f-run", statuses=("FAILED",))),
        ("map:5a1f-run item:7,431", Filter(map_run="5a1f-run", item=7431)),
        ("#1 a\\b", Filter(words=('"#1" *', '"a\\b" *'))),
    ],
)
def test_words_become_conditions(text: str | None, wanted: Filter) -> None:
    assert parse(text, NOW) == wanted


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("status:nope", "status:nope"),
        ("a stat:failed", "stat:failed"),
        ("since:soon", "since:soon"),
        ("name:", "name:"),
        ("waiting:me", "waiting:me"),
        ('name:"a', "quote"),
        ("name:a name:b", "names"),
        ("waiting:>soon", "waiting:>soon"),
        ("a #", "letter or a digit"),
        ("item:3", "which one with map:"),
        ("map:a item:last", "item:last"),
        ("map:a map:b", "map:"),
        ("map:a 4711", "a word to search for"),
        ("map:a machine:b", "machine:"),
    ],
)
def test_a_bad_word_is_named(text: str, named: str) -> None:
    with pytest.raises(ValidationException) as caught:
        parse(text, NOW)
    assert named in caught.value.message


def test_words_that_exclude_each_other_find_nothing() -> None:
    assert parse("status:failed status:running", NOW).statuses == ("",)
