"""The filter that people type into lists of executions: words, all of which must hold. Pure: text in, conditions out.

    status:failed,running  machine:order-*  on:Approve  since:24h  error:Card*  waiting:prompt  waiting:>1h  4711

A word without a key is searched in names, errors, inputs and outputs; `name:` holds for names only, with `*` for
anything; quotes keep blanks together (`"card declined"`). `map:` (a Map Run, by its ARN or the end of it) looks at the
executions of its items instead, `item:7431` at the one that has this item.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from flowd.errors import ValidationException
from flowd.store.matching import STATUSES, Filter
from flowd.store.search import phrase

WAITING = ("prompt", "task", "timer", "retry", "decision", "child", "signal")
TYPES = ("STANDARD", "EXPRESS", "SWF")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w)")
_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def parse(text: str | None, now_ms: int) -> Filter:
    """The conditions of a filter text; ValidationException naming the word that cannot be used."""
    conditions: dict[str, Any] = {}
    for word in _words(text or ""):
        key, colon, value = word.partition(":")
        read = _KEYS.get(key.lower()) if colon else None
        if read is None:
            if colon and re.fullmatch(r"[a-z]+", key):
                raise _bad(word, f"'{key}' is no key{_near(key, _KEYS)}; keys are {', '.join(_KEYS)}")
            read, value = _search(""), word
        if not value:
            raise _bad(word, "there is nothing behind the colon")
        field, found = read(word, value, now_ms)
        earlier = conditions.get(field)
        conditions[field] = _both(field, earlier, found) if earlier is not None else found
    _together(conditions)
    return Filter(**conditions)


def _together(conditions: dict[str, Any]) -> None:
    """Items of a Map Run have no machine of their own, and their texts are not in the search index."""
    if "map_run" not in conditions:
        if "item" in conditions:
            raise ValidationException("Filter: item: holds for a Map Run; say which one with map:")
        return
    for field, word in (("words", "a word to search for"), ("machines", "machine:"), ("types", "type:")):
        if field in conditions:
            raise ValidationException(f"Filter: {word} does not go with map:; status:, error:, on:, item: do")


def _words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    try:
        return [word for word in lexer if word]
    except ValueError:
        raise ValidationException(f"Filter: a quote is not closed in {text!r}") from None


def _both(field: str, earlier: Any, found: Any) -> Any:
    """A key that stands twice: times narrow down, values must be in both lists."""
    if field in ("since_ms", "waiting_after_ms"):
        return max(earlier, found)
    if field in ("until_ms", "waiting_before_ms"):
        return min(earlier, found)
    if field == "words":
        return (*earlier, *found)
    if field in ("map_run", "item"):
        raise ValidationException(f"Filter: two words for {field.replace('_run', '')}:; one can be looked at")
    if field in ("machines", "names", "errors", "states", "triggers"):
        raise ValidationException(f"Filter: two words for {field}; join their values with a comma in one word")
    return tuple(value for value in earlier if value in found) or ("",)


def _one_of(field: str, allowed: tuple[str, ...], as_written: Callable[[str], str]) -> Any:
    def read(word: str, value: str, now_ms: int) -> tuple[str, tuple[str, ...]]:
        values = tuple(as_written(part) for part in value.split(",") if part)
        for each in values:
            if each not in allowed:
                near = _near(each, allowed)
                raise _bad(word, f"'{each.lower()}' is not known{near}; there are {', '.join(allowed).lower()}")
        return field, values

    return read


def _patterns(field: str) -> Any:
    def read(word: str, value: str, now_ms: int) -> tuple[str, tuple[str, ...]]:
        return field, tuple(part for part in value.split(",") if part)

    return read


def _search(column: str) -> Any:
    def read(word: str, value: str, now_ms: int) -> tuple[str, tuple[str, ...]]:
        wanted = phrase(value, column)
        if wanted is None:
            raise _bad(word, "to be searched it needs a letter or a digit")
        return "words", (wanted,)

    return read


def _waiting(word: str, value: str, now_ms: int) -> tuple[str, Any]:
    """What it waits for, or since when: `prompt,task`, `>1h`, `<5m`."""
    if value[0] not in "<>":
        found: tuple[str, Any] = _one_of("waiting", WAITING, str.lower)(word, value, now_ms)
        return found
    span = _SPAN.fullmatch(value[1:])
    if span is None:
        raise _bad(word, "behind > or < stands a span like 30m, 24h, 7d")
    at_ms = now_ms - round(float(span[1]) * _UNITS_MS[span[2]])
    return ("waiting_before_ms" if value[0] == ">" else "waiting_after_ms"), at_ms


def _moment(field: str) -> Any:
    def read(word: str, value: str, now_ms: int) -> tuple[str, int]:
        span = _SPAN.fullmatch(value)
        if span is not None:
            return field, now_ms - round(float(span[1]) * _UNITS_MS[span[2]])
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            raise _bad(
                word, "a time is a span like 30m, 24h, 7d, or a date like 2026-01-31 or 2026-01-31T12:00"
            ) from None
        return field, round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)

    return read


def _map_run(word: str, value: str, now_ms: int) -> tuple[str, str]:
    return "map_run", value


def _item(word: str, value: str, now_ms: int) -> tuple[str, int]:
    digits = value.replace(",", "").replace("_", "")
    if not digits.isdecimal() or len(digits) > 12:
        raise _bad(word, "an item is a number; the first one is 0")
    return "item", int(digits)


def _near(typed: str, known: Iterable[str]) -> str:
    """What somebody who mistyped it may have meant, first of all: the list of all that is known is long."""
    found = get_close_matches(typed, known, 1, 0.5)
    return f", did you mean '{found[0].lower()}'" if found else ""


def _bad(word: str, why: str) -> ValidationException:
    return ValidationException(f"Filter: {word}: {why}")


_KEYS: dict[str, Any] = {
    "status": _one_of("statuses", STATUSES, str.upper),
    "machine": _patterns("machines"),
    "name": _patterns("names"),
    "since": _moment("since_ms"),
    "until": _moment("until_ms"),
    "error": _patterns("errors"),
    "waiting": _waiting,
    "on": _patterns("states"),
    "trigger": _patterns("triggers"),
    "input": _search("input"),
    "output": _search("output"),
    "type": _one_of("types", TYPES, str.upper),
    "map": _map_run,
    "item": _item,
}
