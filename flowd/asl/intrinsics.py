"""The intrinsic functions of JSONPath templates: how a call is written and worked out. What each does is in
`intrinsicfunctions`.

    call     = "States." name "(" [ argument { "," argument } ] ")"
    argument = 'text' | number | null | true | false | path | call        (nested at most 10 deep)

Pure: chance comes in as Entropy.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from flowd.asl.intrinsicfunctions import FUNCTIONS, IntrinsicFailure, Template
from flowd.asl.jayway import Scanner
from flowd.asl.paths import FEW, Path, PathError, PathSyntaxError, PathTooLong, parse_argument_path, path_of
from flowd.entropy import Entropy
from flowd.errors import FlowdError
from flowd.payload import InvalidJson, loads, measure

__all__ = ["Intrinsic", "IntrinsicFailure", "IntrinsicSyntaxError", "compile_intrinsic", "is_intrinsic"]

MAX_NESTING: Final = 10
MAX_BYTES: Final = 1 << 20  # of arguments that hold the state's data many times over
_ESCAPED: Final = "'{}\\"  # what may follow a backslash; any other escape is refused [test_illegal_escapes]


class IntrinsicSyntaxError(FlowdError):
    """The text is not a call of an intrinsic function."""


class MissingArgument(PathError):
    """The path of an argument finds nothing; `path` is its text."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class Intrinsic:
    """A compiled call. `text` is what was written, `name` the function's, `variables` the names of all variables it
    refers to, `copies` how often a value of the state's data can be in its result."""

    __slots__ = ("_arguments", "_function", "copies", "name", "text", "variables")

    def __init__(self, text: str, name: str, arguments: tuple[Any, ...]) -> None:
        self.text = text
        self.name = name
        self.variables: frozenset[str] = frozenset().union(
            *(part.variables for part in arguments if isinstance(part, Path | Intrinsic))
        )
        self.copies: int = sum(part.copies for part in arguments if isinstance(part, Path | Intrinsic))
        self._arguments = arguments
        self._function = FUNCTIONS[name].function

    def evaluate(self, value: Any, context: Any, variables: Mapping[str, Any], entropy: Entropy) -> Any:
        """The call's result, a JSON value. Raises IntrinsicFailure, and MissingArgument."""
        found: list[Any] = []
        left = MAX_BYTES
        for part in self._arguments:
            if isinstance(part, Path):
                try:
                    part = part.evaluate(value, context, variables)
                except PathError as error:
                    raise MissingArgument(part.text, str(error)) from None
                except PathTooLong as error:
                    raise IntrinsicFailure(f"The JSONPath '{part.text}' cannot be evaluated: {error}") from None
            elif isinstance(part, Intrinsic):
                part = part.evaluate(value, context, variables, entropy)
            found.append(part)
            if self.copies > FEW:
                left -= measure(part, left)
                if left < 0:
                    raise IntrinsicFailure(f"The arguments of States.{self.name} have more than {MAX_BYTES} bytes")
        return self._function(entropy, *found)

    def __repr__(self) -> str:
        return f"Intrinsic({self.text!r})"


def is_intrinsic(text: str) -> bool:
    """True if the text is meant as a call (it begins like one); whether it is a good one compile_intrinsic tells."""
    return text.startswith("States.")


@lru_cache(maxsize=8192)
def compile_intrinsic(text: str) -> Intrinsic:
    """The call written as `text`. Raises IntrinsicSyntaxError."""
    scanner = Scanner(text.rstrip(" "))
    try:
        call = _call(scanner)
        if scanner.position < len(scanner.text):
            scanner.fail("unexpected text after the call")
    except PathSyntaxError as error:
        raise IntrinsicSyntaxError(str(error)) from None
    return call


def _call(scanner: Scanner) -> Intrinsic:
    scanner.depth += 1
    if scanner.depth > MAX_NESTING:
        scanner.fail(f"intrinsic functions nest at most {MAX_NESTING} deep; too many")
    begin = scanner.position
    scanner.need("States.")
    name = scanner.run(str.isalnum)
    if name not in FUNCTIONS:
        scanner.fail(f"there is no intrinsic function States.{name}; failed")
    scanner.need("(")
    arguments = _arguments(scanner)
    least, most = FUNCTIONS[name].least, FUNCTIONS[name].most
    if not least <= len(arguments) <= most:
        scanner.fail(f"States.{name} does not take {len(arguments)} arguments; ended")
    if name == "Format" and isinstance(arguments[0], Template) and arguments[0].slots != len(arguments) - 1:
        scanner.fail(f"the text has {arguments[0].slots} {{}} for {len(arguments) - 1} values; ended")
    kept = 1 if name == "Format" else 0  # only Format needs to know the braces that were not escaped
    arguments[kept:] = [part.plain if isinstance(part, Template) else part for part in arguments[kept:]]
    scanner.depth -= 1
    return Intrinsic(scanner.text[begin : scanner.position], name, tuple(arguments))


def _arguments(scanner: Scanner) -> list[Any]:
    found: list[Any] = []
    while not scanner.then(")"):
        if found:
            scanner.need(",")
            scanner.blanks()
        found.append(_argument(scanner))
    return found


def _argument(scanner: Scanner) -> Any:
    char = scanner.peek()
    if char == "'":
        return _text(scanner)
    if char == "$":
        begin = scanner.position
        parsed = parse_argument_path(scanner)
        return path_of(scanner.text[begin : scanner.position], parsed)
    if char == "S":
        return _call(scanner)
    word = scanner.run(lambda c: c.isalnum() or c in "+-.")
    try:
        return loads(word)
    except InvalidJson:
        scanner.fail("expected a text in single quotes, a number, null, true, false, a path or a call")


def _text(scanner: Scanner) -> Template:
    """A text literal; unescaped `{}` are kept apart from escaped braces for States.Format."""
    scanner.need("'")
    pieces = [""]
    plain: list[str] = []
    while not scanner.take("'"):
        char = scanner.peek() or scanner.fail("a text that is not closed")
        if scanner.take("{}"):
            pieces.append("")
            plain.append("{}")
            continue
        scanner.position += 1
        if char == "\\":
            char = scanner.peek()
            if not char or char not in _ESCAPED:
                scanner.fail("only \\', \\{, \\} and \\\\ may be escaped; failed")
            scanner.position += 1
        pieces[-1] += char
        plain.append(char)
    return Template(tuple(pieces), "".join(plain))
