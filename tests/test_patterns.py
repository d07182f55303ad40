"""Regular expressions in Java's dialect, and wildcards, over texts that were made to keep them busy."""

from __future__ import annotations

import time

import pytest

from flowd import patterns
from flowd.patterns import Patience, PatternError, Wild, Wildcard, compiled


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"\Qa.b\E+", "a.bbb"),
        (r"(?<n>a)\k<n>", "aa"),
        (r"\d+\w\s[^\d-][\w-]", "12b x-"),
        (r"[a-z&&[^aeiou]]+", "xyz"),
        (r"a++b(?>c+)", "aabcc"),
        (r"\p{L}\p{Lu}\p{IsAlphabetic}", "éÉx"),
        (r"a\Z|b\z", "b"),
    ],
)
def test_an_expression_is_read_as_java_has_it(source: str, text: str) -> None:
    assert compiled(source).covers(text, Patience())


@pytest.mark.parametrize(("source", "text"), [(r"\d", "٣"), (r"\w", "é"), (r"\Qa.b\E", "axb"), ("a", "ab"), ("", "x")])
def test_what_java_does_not_match_is_not_matched(source: str, text: str) -> None:
    assert not compiled(source).covers(text, Patience())


def test_flags_of_an_expression_count() -> None:
    assert compiled("a.B", patterns.ANYWAY | patterns.IGNORING_CASE).covers("a\nb", Patience())
    assert compiled("^b$", patterns.BY_LINE).is_in("a\nb\nc", Patience())


def test_a_match_that_would_not_end_is_given_up_and_leaves_nothing_for_the_next() -> None:
    patience = Patience(0.05)
    begun = time.monotonic()
    with pytest.raises(PatternError, match="too long"):
        compiled("(?:x|xx)+[^x]").covers("x" * 100, patience)
    assert time.monotonic() - begun < 5
    with pytest.raises(PatternError, match="too long"):
        compiled("a").covers("a", patience)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("(", "missing"),
        pytest.param("a" * 10_001, "10,000 characters", id="long"),
        pytest.param("(" * 4_000 + ")" * 4_000, "recursion", id="deep"),
        ("(((a?){1000}){1000}){1000}", "written out"),
        ("(?:ab){,10000000}", "written out"),
        (r"\p{javaLowerCase}", "property"),
    ],
)
def test_an_expression_that_cannot_be_used_says_why(source: str, said: str) -> None:
    with pytest.raises(PatternError, match=said):
        compiled(source)


def test_an_expression_in_which_counts_stand_side_by_side_is_no_large_one() -> None:
    host = r"(?:[a-z0-9-]{1,63}\.){1,127}[a-z]{2,63}"
    assert compiled(host).covers("a.example.com", Patience())


@pytest.mark.parametrize(
    ("parts", "yes", "no"),
    [
        (["ab"], ["ab"], ["", "abc"]),
        ([Wild.ANY], ["", "x\ny"], []),
        (["a", Wild.ANY, "b"], ["ab", "axb", "abab"], ["a", "b", "abx"]),
        (["a", Wild.ANY, "a"], ["aa", "aba"], ["a"]),
        ([Wild.ANY, "a", Wild.ONE, "c", Wild.ANY], ["abc", "xa.cx"], ["ac", "abbc"]),
        ([Wild.ANY, ".", Wild.ANY, "$"], [".$", "a.b$"], ["ab$", "."]),
        (["x", Wild.ANY, Wild.ANY, "yz", Wild.ONE], ["xyz1", "xyzyz1"], ["xyz", "yz1"]),
    ],
)
def test_a_wildcard_covers_what_it_stands_for(parts: list[str | Wild], yes: list[str], no: list[str]) -> None:
    wildcard = Wildcard(parts)
    assert [text for text in yes + no if wildcard.covers(text)] == yes


def test_many_wildcards_go_through_a_long_text_once() -> None:
    wildcard = Wildcard([Wild.ANY, *(part for _ in range(20) for part in ("/", Wild.ANY)), "x"])
    begun = time.monotonic()
    assert not wildcard.covers("/" * 60_000)
    assert time.monotonic() - begun < 1
