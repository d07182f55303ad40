"""How a JSONPath is written: text to segments, calls and filters. Knows nothing of values.

path    = root { "." name | "." "*" | ".." ... | "[" ... "]" | "." function "(" arguments ")" }
bracket = "*" | quoted { "," quoted } | integer { "," integer } | slice | "?(" filter ")" | "(@.length-1)"
filter  = test { "&&" test | "||" test }        (&& binds closer)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from flowd import patterns
from flowd.asl.filters import (
    OPERATORS,
    Either,
    Every,
    Exists,
    Literal,
    Lookup,
    Negation,
    Operand,
    Pattern,
    Relation,
    Test,
)
from flowd.asl.jayway import (
    MAX_DEPTH,
    Call,
    Descend,
    Filter,
    Indexes,
    Keys,
    Parsed,
    PathSyntaxError,
    PathTooLong,
    Scanner,
    Segment,
    Slice,
    Wildcard,
)
from flowd.asl.pathwalk import is_function
from flowd.patterns import Patience, PatternError
from flowd.payload import InvalidJson, loads

_T = TypeVar("_T")

# What ends a name after a dot, at the top and, further, inside of a filter or an argument list.
_NAME_ENDS: Final = frozenset(".[( ")
_INNER_NAME_ENDS: Final = _NAME_ENDS | frozenset(")]=<>!~&|,")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_SYMBOLS: Final = ("===", "!==", "==", "!=", "<=", ">=", "=~", "<", ">")  # longest first


def parse(text: str) -> Parsed:
    """The parts of a whole path text. Raises PathSyntaxError."""
    scanner = Scanner(text.rstrip(" "))
    path = parse_path(scanner, _NAME_ENDS)
    if scanner.position < len(scanner.text):
        scanner.fail("unexpected character")
    return path


def parse_argument_path(scanner: Scanner) -> Parsed:
    """A path inside of something else, such as a function's arguments: it ends where it cannot go on."""
    return parse_path(scanner, _INNER_NAME_ENDS)


def parse_path(scanner: Scanner, ends: frozenset[str]) -> Parsed:
    root = _root(scanner)
    segments: list[Segment] = []
    calls: list[Call] = []
    while (char := scanner.peek()) and char in ".[":
        step = _bracket(scanner) if char == "[" else _dotted(scanner, ends)
        if isinstance(step, Call):
            calls.append(step)
        elif calls:
            scanner.fail("nothing but functions may follow a function")
        else:
            segments.append(step)
    last = segments[-1] if segments and not calls else None
    if isinstance(last, Keys) and len(last.names) > 1:
        segments[-1] = Keys(last.names, merged=True)
    elif isinstance(last, Descend) and isinstance(last.inner, Keys) and len(last.inner.names) > 1:
        segments[-1] = Descend(Keys(last.inner.names, merged=True))
    return Parsed(root, tuple(segments), tuple(calls))


def _root(scanner: Scanner) -> str:
    if scanner.take("@"):
        return "@"
    if not scanner.take("$"):
        scanner.fail("a path begins with '$'")
    if scanner.take("$"):
        return "$$"
    name = scanner.run(lambda c: c.isidentifier() or ("a" + c).isidentifier())
    if not name:
        return "$"
    if not name.isidentifier() or len(name) > 80:
        scanner.fail("a bad variable name")
    return name


def _dotted(scanner: Scanner, ends: frozenset[str]) -> Segment | Call:
    scanner.need(".")
    if scanner.take("."):
        step = _bracket(scanner) if scanner.peek() == "[" else _member(scanner, ends)
        if isinstance(step, Call | Descend):
            scanner.fail("'..' needs a name or brackets")
        return Descend(step)
    return _bracket(scanner) if scanner.peek() == "[" else _member(scanner, ends)


def _member(scanner: Scanner, ends: frozenset[str]) -> Segment | Call:
    if scanner.take("*"):
        return Wildcard()
    name = scanner.run(lambda c: c not in ends)
    if not name:
        scanner.fail("expected a name")
    if scanner.take("("):
        if not is_function(name):
            scanner.fail(f"unknown function '{name}'")
        return Call(name, _arguments(scanner))
    return Keys((name,))


def _arguments(scanner: Scanner) -> tuple[Any, ...]:
    arguments: list[Any] = []
    scanner.blanks()
    while not scanner.take(")"):
        if arguments:
            scanner.need(",")
            scanner.blanks()
        arguments.append(_nested(scanner, parse_argument_path if scanner.peek() == "$" else _literal))
        scanner.blanks()
    return tuple(arguments)


def _bracket(scanner: Scanner) -> Segment:
    scanner.need("[")
    scanner.blanks()
    char = scanner.peek()
    segment: Segment
    if scanner.take("*"):
        segment = Wildcard()
    elif char in ("'", '"'):
        segment = Keys(tuple(_separated(scanner, _name)))
    elif scanner.take("?"):
        segment = _filter(scanner)
    elif scanner.take("("):
        segment = _from_the_end(scanner)
    else:
        segment = _numbers(scanner)
    scanner.blanks()
    scanner.need("]")
    return segment


def _separated(scanner: Scanner, one: Callable[[Scanner], _T]) -> list[_T]:
    found = [one(scanner)]
    while scanner.then(","):
        scanner.blanks()
        found.append(one(scanner))
    return found


def _name(scanner: Scanner) -> str:
    if scanner.peek() not in ("'", '"'):
        scanner.fail("expected a quoted name")
    return scanner.quoted(None)


def _numbers(scanner: Scanner) -> Indexes | Slice:
    first = scanner.integer()
    if scanner.then(":"):
        scanner.blanks()
        last = scanner.integer()
        if first is None and last is None:
            scanner.fail("a slice needs a begin or an end")
        if scanner.then(":"):
            scanner.integer()  # Jayway reads a step and takes no notice of it
        return Slice(first, last)
    if first is None:
        scanner.fail("expected a quoted name, an index, a slice, '*' or '?('")
    if not scanner.then(","):
        return Indexes((first,))
    scanner.blanks()
    return Indexes((first, *_separated(scanner, _index)))


def _index(scanner: Scanner) -> int:
    number = scanner.integer()
    return scanner.fail("expected an index") if number is None else number


def _from_the_end(scanner: Scanner) -> Indexes:
    """`[(@.length-1)]`, the old way to say `[-1]`."""
    scanner.blanks()
    scanner.need("@.length")
    scanner.blanks()
    scanner.need("-")
    scanner.blanks()
    number = _index(scanner)
    if number < 1:
        scanner.fail("counting from the end begins at 1")
    scanner.blanks()
    scanner.need(")")
    return Indexes((-number,))


def _filter(scanner: Scanner) -> Filter:
    scanner.blanks()
    scanner.need("(")
    test = _nested(scanner, _either)
    scanner.blanks()
    scanner.need(")")
    return Filter(test)


def _nested(scanner: Scanner, one: Callable[[Scanner], _T]) -> _T:
    scanner.depth += 1
    if scanner.depth > MAX_DEPTH:
        scanner.fail("nested too deeply")
    found = one(scanner)
    scanner.depth -= 1
    return found


def _either(scanner: Scanner) -> Test:
    tests = [_every(scanner)]
    while scanner.then("||"):
        tests.append(_every(scanner))
    return tests[0] if len(tests) == 1 else Either(tuple(tests))


def _every(scanner: Scanner) -> Test:
    tests = [_test(scanner)]
    while scanner.then("&&"):
        tests.append(_test(scanner))
    return tests[0] if len(tests) == 1 else Every(tuple(tests))


def _test(scanner: Scanner) -> Test:
    scanner.blanks()
    if scanner.take("!"):
        return Negation(_nested(scanner, _test))
    if scanner.take("("):
        test = _nested(scanner, _either)
        scanner.blanks()
        scanner.need(")")
        return test
    left = _operand(scanner)
    scanner.blanks()
    if isinstance(left, Lookup) and (scanner.peek() == ")" or scanner.peek(2) in ("&&", "||")):
        return Exists(left)
    operator = _operator(scanner)
    scanner.blanks()
    return Relation(left, operator, _bare_word(scanner) or _operand(scanner))


def _operator(scanner: Scanner) -> str:
    for symbol in _SYMBOLS:
        if scanner.take(symbol):
            return symbol
    word = scanner.run(str.isalpha)
    if word.lower() not in OPERATORS:
        scanner.fail("expected an operator")
    return word.lower()


def _bare_word(scanner: Scanner) -> Operand | None:
    """A text without quotes on the right side: machines that run on AWS have `[?(@.lang==es)]`."""
    begin = scanner.position
    if not scanner.peek().isalpha():
        return None
    word = scanner.run(lambda c: c.isalnum() or c in "_-")
    if word not in ("true", "false", "null"):
        return Literal(word)
    scanner.position = begin
    return None


def _operand(scanner: Scanner) -> Operand:
    char = scanner.peek()
    if char in ("@", "$"):
        return Lookup(parse_argument_path(scanner))
    if char == "/":
        return _pattern(scanner)
    return Literal(_literal(scanner))


def _pattern(scanner: Scanner) -> Pattern:
    scanner.need("/")
    begin = scanner.position
    while scanner.peek() != "/":
        if not scanner.peek():
            scanner.fail("a pattern that is not closed")
        scanner.position += 2 if scanner.peek() == "\\" else 1
    source = scanner.text[begin : scanner.position]
    scanner.need("/")
    flags = scanner.run(str.isalpha)
    unknown = set(flags) - _FLAGS.keys()
    if unknown:
        scanner.fail(f"the unknown flags {''.join(sorted(unknown))} of a pattern")
    try:
        expression = patterns.compiled(source, sum(_FLAGS[flag] for flag in set(flags)))
    except PatternError as error:
        raise PathSyntaxError(f"a bad pattern /{source}/: {error}") from None

    def covers(text: str, patience: Patience) -> bool:
        try:
            return expression.covers(text, patience)
        except PatternError as error:
            raise PathTooLong(f"the pattern /{source}/ cannot be matched: {error}") from None

    return Pattern(covers)


_FLAGS: Final = {"i": patterns.IGNORING_CASE, "m": patterns.BY_LINE}


#: What BigDecimal reads and JSON does not have: `.85`, `1.`
_JAVA_NUMBER: Final = re.compile(r"-?(?:\d+\.|\.\d+)(?:[eE][+-]?\d+)?")


def _literal(scanner: Scanner) -> Any:
    char = scanner.peek()
    if char in ("'", '"'):
        return scanner.quoted(_ESCAPES)
    if char == "[":
        return _list(scanner)
    if char == "{":
        return _object(scanner)
    word = scanner.run(lambda c: c.isalnum() or c in "+-.")
    if _JAVA_NUMBER.fullmatch(word):
        return float(word)
    try:
        return loads(word)
    except InvalidJson:
        scanner.fail("expected a value")


def _list(scanner: Scanner) -> list[Any]:
    scanner.need("[")
    items: list[Any] = []
    scanner.blanks()
    while not scanner.take("]"):
        if items:
            scanner.need(",")
            scanner.blanks()
        items.append(_nested(scanner, _literal))
        scanner.blanks()
    return items


def _object(scanner: Scanner) -> dict[str, Any]:
    scanner.need("{")
    members: dict[str, Any] = {}
    scanner.blanks()
    while not scanner.take("}"):
        if members:
            scanner.need(",")
            scanner.blanks()
        if scanner.peek() not in ("'", '"'):
            scanner.fail("expected a quoted member name")
        name = scanner.quoted(_ESCAPES)
        scanner.blanks()
        scanner.need(":")
        scanner.blanks()
        members[name] = _nested(scanner, _literal)
        scanner.blanks()
    return members
