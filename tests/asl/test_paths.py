"""Paths: what AWS's dialect of JSONPath selects, says when it finds nothing, and writes."""

from __future__ import annotations

import copy
import timeit
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd import patterns
from flowd.asl import jayway
from flowd.asl.jayway import MAX_DEPTH
from flowd.asl.paths import PathClash, PathError, PathSyntaxError, PathTooLong, compile_path, compile_reference

STORE: dict[str, Any] = {
    "books": [
        {"title": "a", "price": 8.95, "isbn": "1", "tags": ["x", "y"]},
        {"title": "b", "price": 12.99, "tags": []},
        {"title": "c", "price": 8, "isbn": None, "tags": ["x"]},
    ],
    "bicycle": {"color": "red", "price": 20},
    "limit": 10,
    "text": "abc",
    "nothing": None,
    "numbers": [3, 1, 2],
}
CONTEXT = {"Execution": {"Id": "arn:x", "Input": {"n": [1, 2]}}}
VARIABLES: dict[str, Any] = {"v": {"a": [1, 2]}, "größe": 5, "limit": 9}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


def read(text: str, document: Any = STORE) -> Any:
    return compile_path(text).evaluate(document, CONTEXT, VARIABLES)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.bicycle.color", "red"),
        ("$['bicycle']['color']", "red"),
        ('$["bicycle"].color', "red"),
        ("$.['bicycle'].color", "red"),
        ("$.books[0].title", "a"),
        ("$.books[-1].title", "c"),
        ("$.books[(@.length-1)].title", "c"),
        ("$.nothing", None),
        ("$$.Execution.Id", "arn:x"),
        ("$$.Execution.Input.n[1]", 2),
        ("$v.a[-1]", 2),
        ("$größe", 5),
        ("$.bicycle['color','price']", {"color": "red", "price": 20}),
        ("$.bicycle['color','none']", {"color": "red"}),
        ("$.bicycle.color ", "red"),
    ],
)
def test_a_definite_path_gives_the_one_node_it_names(path: str, found: Any) -> None:
    assert compile_path(path).definite
    assert read(path) == found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.books[*].title", ["a", "b", "c"]),
        ("$.bicycle.*", ["red", 20]),
        ("$.books[0,2].title", ["a", "c"]),
        ("$.books[1:].title", ["b", "c"]),
        ("$.books[:2].title", ["a", "b"]),
        ("$.books[0:2:2].title", ["a", "b"]),
        ("$.books[-2:].title", ["b", "c"]),
        ("$.books[:-1].title", ["a", "b"]),
        ("$.books[1:9].title", ["b", "c"]),
        ("$.books[-2:-1].title", ["b"]),
        ("$.books[1:-1].title", []),
        ("$..price", [8.95, 12.99, 8, 20]),
        ("$..books[1].title", ["b"]),
        ("$..['color','price']", [{"color": "red", "price": 20}]),
        ("$.books[*]['title','none']", [{"title": "a"}, {"title": "b"}, {"title": "c"}]),
        ("$.books[*]['title','price'].x", []),
        ("$.*.color", ["red"]),
        ("$..[?(@.color)]", [STORE["bicycle"]]),
        ("$.bicycle[?(@.price > 1)].color", ["red"]),
    ],
)
def test_an_indefinite_path_gathers_its_hits_in_document_order(path: str, found: Any) -> None:
    assert not compile_path(path).definite
    assert read(path) == found


@pytest.mark.parametrize("path", ["$.item.items[*]", "$.item.items[1:5].x", "$.text[*].a", "$.none[?(@.a)]", "$..none"])
def test_an_indefinite_path_that_finds_nothing_gives_an_empty_list(path: str) -> None:
    # Recorded on AWS: TestSnfBase::test_json_path_array_wildcard_or_slice_with_no_input.
    assert read(path) == []


@pytest.mark.parametrize(
    ("condition", "titles"),
    [
        ("@.isbn", "ac"),
        ("!@.isbn", "b"),
        ("@.price < 10", "ac"),
        ("@.price<10&&@.title!='c'", "a"),
        ("@.price >= 12.99 || @.title == 'c'", "bc"),
        ("(@.title=='a' || @.title=='b') && @.price > 10", "b"),
        ("!(@.title=='a' || @.title=='b')", "c"),
        ("@.price > $.limit", "b"),
        ("@.price > $limit", "b"),
        ("@.title in ['a', \"c\"]", "ac"),
        ("@.title nin ['a','c']", "b"),
        ("@.price > .85", "abc"),
        ("@.price == 8.", "c"),
        ("@.price < -.5", ""),
        ("@.price == '8'", "c"),
        ("@.title == c", "c"),
        ("@.title==c && @.price<9", "c"),
        ("@.title == true", ""),
        ("@.price === '8'", ""),
        ("@.price === 8.0", "c"),
        ("@.isbn == null", "c"),
        ("@.isbn != null", "ab"),
        ("@.missing == null", ""),
        ("@.title =~ /[AB]/i", "ab"),
        ("@.title =~ /x|a/", "a"),
        ("@.isbn =~ /.*/", "abc"),
        ("@.tags empty true", "b"),
        ("@.tags size 2", "a"),
        ("@.tags contains 'x'", "ac"),
        ("@.title contains 'b'", "b"),
        ("@.tags anyof ['y', 'z']", "a"),
        ("@.tags noneof ['y']", "bc"),
        ("@.tags subsetof ['x']", "bc"),
        ("@.tags all ['x','y']", "a"),
        ("@.tags == ['x']", "c"),
        ("@['title'] == 'a'", "a"),
        ("@.tags[?(@ == 'y')]", "a"),
        ("@.tags.length() > 1", "a"),
        ("'a' == @.title", "a"),
        ("@.title == 'a\\'b'", ""),
    ],
)
def test_a_filter_keeps_what_passes(condition: str, titles: str) -> None:
    assert read(f"$.books[?({condition})].title") == list(titles)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.numbers.length()", 3),
        ("$.bicycle.size()", 2),
        ("$.text.length()", None),
        ("$.numbers.sum()", 6.0),
        ("$.numbers.avg()", 2.0),
        ("$.numbers.min()", 1.0),
        ("$..price.max()", 20.0),
        ("$.sum($.numbers, 4)", 10.0),
        ("$.numbers.stddev()", pytest.approx(0.8165, abs=1e-4)),
        ("$.bicycle.keys()", ["color", "price"]),
        ("$.numbers.first()", 3),
        ("$.numbers.last()", 2),
        ("$.numbers.index(-2)", 1),
        ("$.concat($.text, 'd')", "abcd"),
        ("$.numbers.append(9)", [3, 1, 2, 9]),
        ("$.books[?(@.price < 10)].length()", 2),
    ],
)
def test_a_path_may_end_in_a_function(path: str, found: Any) -> None:
    assert read(path) == found


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("$.x", "No results for path: $['x']"),
        ("$.no.such", "Missing property in path $['no']"),
        ("$.bicycle.no.such", "Missing property in path $['bicycle']['no']"),
        ("$.numbers[9]", "No results for path: $['numbers'][9]"),
        ("$.text.a", "Expected to find an object with property ['a'] in path $['text'] but found 'string'"),
        ("$.text[0]", "Filter: [0] can only be applied to arrays. Current context is: string"),
        ("$.nothing[0]", "The path $['nothing'] is null"),
        ("$$.Task.Token", "Missing property in path $['Task']"),
        ("$unknown.a", "The variable '$unknown' is not defined"),
        ("$.text.sum()", "Aggregation function attempted to calculate value using empty array"),
    ],
)
def test_a_definite_path_without_result_fails_in_the_services_words(path: str, message: str) -> None:
    with pytest.raises(PathError) as failure:
        read(path)
    assert str(failure.value) == message


def test_a_quoted_name_keeps_its_backslashes() -> None:
    # Recorded on AWS: test_escape_sequence_parsing[ESCAPE_SEQUENCES_JSONPATH].
    assert read('$[\'Test\\""Name"\']', {'Test\\""Name"': 1}) == 1
    assert read("$['it\\'s']", {"it's": 2}) == 2


@pytest.mark.parametrize(
    "text",
    ["", "a", "@.a", " $.a", "$.", "$..", "$...a", "$.a.", "$.a b", "$[", "$[]", "$['a", "$['a',]", "$[0,]", "$[:]",
     "$[1:2:x]", "$[?]", "$[?()]", "$[?(@.a ==)]", "$[?(@.a = 1)]", "$[?(@.a)", "$[?(@.a =~ /(/)]", "$.foo()", "$@",
     "$.a.length().b", "$[(@.length)]", "$" + "a" * 81, "$[99999999999]"],
)  # fmt: skip
def test_bad_syntax_is_refused_when_the_path_is_compiled(text: str) -> None:
    with pytest.raises(PathSyntaxError):
        compile_path(text)


def test_filters_nest_only_so_deep() -> None:
    with pytest.raises(PathSyntaxError):
        compile_path("$" + "[?(@" * (MAX_DEPTH + 1) + ")]" * (MAX_DEPTH + 1))
    with pytest.raises(PathSyntaxError):
        compile_path("$[?(" + "(" * 5000)
    with pytest.raises(PathSyntaxError):
        compile_path("$.sum(" * 5000)


def test_a_path_knows_the_variables_it_needs_wherever_they_stand() -> None:
    assert compile_path("$v.a").variables == {"v"}
    assert compile_path("$.a[?(@.b == $q.r && $$.c > 1)].sum($w)").variables == {"q", "w"}
    assert compile_path("$.a").variables == frozenset()


def test_a_pattern_that_explodes_ends_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.05)  # for all items together
    with pytest.raises(PathTooLong, match="cannot be matched"):
        read("$[?(@ =~ /(?:a|aa)+[^a]/)]", ["a" * 60] * 100)


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("$[?(@.b[?(@ =~ /(?:a|aa)+[^a]/)])]", [{"b": ["a" * 60]}] * 1000),  # a filter in a filter finds not "nothing"
        ("$[?($[?($[?($[?(@)])])])]", [1] * 200),
        ("$[?($ subsetof $)]", list(range(5000))),
        ("$[*]..nope", [[[0] * 100] * 10] * 100),
    ],
)
def test_a_path_that_looks_at_too_much_ends_in_an_error(
    path: str, document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jayway, "MAX_STEPS", 30_000)
    monkeypatch.setattr(patterns, "SECONDS", 0.05)
    with pytest.raises(PathTooLong):
        read(path, document)


def test_a_path_that_multiplies_its_hits_ends_in_an_error() -> None:
    nested: Any = 0
    for _ in range(200):
        nested = [nested]
    with pytest.raises(PathTooLong, match="more than"):
        read("$..*..*..*..*", nested)


@pytest.mark.parametrize(
    ("path", "target", "result"),
    [
        ("$", {"a": 1}, 99),
        ("$.b", {"a": 1}, {"a": 1, "b": 99}),
        ("$.a", {"a": 1}, {"a": 99}),
        ("$.x.y.z", {}, {"x": {"y": {"z": 99}}}),
        ("$['a b'].c", {}, {"a b": {"c": 99}}),
        ("$.n[1]", {"n": [1, 2]}, {"n": [1, 99]}),
        ("$.n[-1].k", {"n": [1, {}]}, {"n": [1, {"k": 99}]}),
    ],
)
def test_place_writes_one_node_into_a_copy(path: str, target: Any, result: Any) -> None:
    before = copy.deepcopy(target)
    assert compile_reference(path).place(target, 99) == result
    assert target == before


@pytest.mark.parametrize(
    ("path", "target", "what"),
    [
        ("$.a", "in", "ReferencePath $.a"),
        ("$.a", ["in"], 'step "a"'),
        ("$.z.a", {"z": None}, 'step "z"'),
        ("$.z.y.a", {"z": {"y": []}}, 'step "a"'),
        ("$.n[5]", {"n": []}, "ReferencePath $.n[5]"),
        ("$.a[0]", {}, "ReferencePath $.a[0]"),
    ],
)
def test_place_refuses_a_way_through_something_else(path: str, target: Any, what: str) -> None:
    with pytest.raises(PathClash) as failure:
        compile_reference(path).place(target, 1)
    assert str(failure.value) == what


@pytest.mark.parametrize(
    ("path", "target", "what"),
    [
        ("$.a.b[0]", {"a": {"b": [1]}}, None),
        ("$.a.b", {"a": {}}, 'step "b"'),
        ("$.a.b", {"c": 1}, 'step "a"'),
        ("$.a.b", {"a": "text"}, 'step "b"'),
        ("$.a[1].b", {"a": [1]}, "ReferencePath $.a[1].b"),
        ("$.a[*]", {}, None),
        ("$$.a", {}, None),
        ("$", 1, None),
    ],
)
def test_a_path_tells_which_step_leads_nowhere(path: str, target: Any, what: str | None) -> None:
    assert compile_path(path).missing(target) == what


@pytest.mark.parametrize(
    "text", ["$.a[*]", "$..a", "$.a.length()", "$.a[0,1]", "$.a['b','c']", "$.a[?(@.b)]", "$.a[1:]", "@"]
)
def test_a_reference_path_names_exactly_one_place(text: str) -> None:
    with pytest.raises(PathSyntaxError):
        compile_reference(text)


def test_a_reference_path_tells_its_root() -> None:
    assert [compile_reference(t).root for t in ("$.a", "$$.a", "$v.a")] == ["$", "$$", "v"]


def test_a_plain_path_is_read_in_well_under_two_microseconds() -> None:
    path = compile_path("$.a.b.c")
    document = {"a": {"b": {"c": 1}}}
    assert min(timeit.repeat(lambda: path.evaluate(document, {}, {}), number=2000, repeat=20)) / 2000 < 2e-6


@given(
    JSON,
    st.sampled_from(["$..*", "$.*[0]", "$..a", "$[?(@.a)]", "$[*].length()", "$['a','b']", "$[-1:]", "$.append(1)"]),
)
def test_reading_never_changes_the_document(document: Any, text: str) -> None:
    before = copy.deepcopy(document)
    try:
        compile_path(text).evaluate(document, document, {})
    except PathError:
        pass
    assert document == before


@given(
    st.dictionaries(st.text(max_size=3), JSON, max_size=4), st.lists(st.text(max_size=3), min_size=1, max_size=4), JSON
)
def test_what_was_placed_is_found_again_and_the_rest_is_kept(target: Any, names: list[str], value: Any) -> None:
    quoted = "$" + "".join("['" + name.replace("'", "\\'") + "']" for name in names)
    if any("\\" in name for name in names):
        return  # a backslash before the closing quote cannot be written
    before = copy.deepcopy(target)
    path = compile_reference(quoted)
    try:
        placed = path.place(target, value)
    except PathError:
        return
    assert path.evaluate(placed, {}, {}) == value
    assert compile_path(quoted).evaluate(placed, {}, {}) == value
    assert target == before
    assert {k: v for k, v in placed.items() if k != names[0]} == {k: v for k, v in before.items() if k != names[0]}


@given(
    st.text(max_size=30)
    | st.text(alphabet="$@.[]()'\"?*,:0123456789ab=<>!&|~/ -\\in", max_size=40).map(lambda s: "$" + s)
)
def test_random_text_is_a_path_or_a_syntax_error(text: str) -> None:
    try:
        path = compile_path(text)
    except PathSyntaxError:
        return
    try:
        path.evaluate(STORE, CONTEXT, VARIABLES)
    except PathError:
        pass


@pytest.mark.parametrize(
    ("test", "hits"),
    [
        ("@ > 1.5", [3]),
        ("@ < 1.5", [1]),
        ("@ > 'a'", ["b"]),
        ("@ == 10", ["10"]),
        ("@ nin 2", []),
        ("@ noneof 'a'", []),
        ("@ size 1", ["b"]),
    ],
)
def test_a_filter_orders_numbers_with_numbers_and_texts_with_texts_only(test: str, hits: list[Any]) -> None:
    """As Jayway 2.10 itself does, which was asked beside ours with 60,000 random paths and documents."""
    assert compile_path(f"$[?({test})]").evaluate([1, 3, "b", "10", True, None, {"a": 1}], {}, {}) == hits
