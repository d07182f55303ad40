"""Where things stand in a definition's text: from a diagnostic's location to line and column, and from text to value.

Reads JSON and YAML into values or into diagnostics, never into exceptions, in time proportional to the text. It knows
nothing of the States Language.
"""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]  # there since Python 2, missing from the stubs
from typing import Any, Final

from flowd.asl.diagnostics import DUPLICATE_STATE, INVALID_JSON, TOO_DEEP, Diagnostic
from flowd.asl.nodes import Broken, Node, find, line_column
from flowd.asl.yamltext import compose, plain
from flowd.payload import InvalidJson, dumps, loads

MAX_CHARACTERS: Final = 1_048_576  # AWS's limit of a definition
#: Room for 60 Parallels in each other; deeper JSON is no definition, and the checks and the interpreter recurse.
MAX_DEPTH: Final = 256
#: What Python converts, and so the JSON reader.
MAX_DIGITS: Final = 4_300
_LONG: Final = len("1e309")
BOM: Final = "\ufeff"

_SPACE = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def locate(text: str, location: str | None, yaml: bool = False) -> tuple[int, int]:
    """Line and column (from 1) of a diagnostic's location; of the mistake itself if the text cannot be read; of the
    nearest part that exists if the location does not."""
    document = load(text, yaml)
    return (document.line, document.column) if isinstance(document, Diagnostic) else document.place(location)


class Document:
    """A text that could be read: `json` is JSON verbatim, YAML converted. It is read once, which for YAML takes nearly
    all of the time that a check does; the places of JSON are worked out when the first one is asked for."""

    def __init__(self, text: str, json: str, root: Node | None = None) -> None:
        self.json = json
        self._text = text
        self._root = root

    def place(self, location: str | None) -> tuple[int, int]:
        """As `locate`."""
        if self._root is None:
            self._root = scan(self._text)
        return line_column(self._text, find(self._root, location or "/").start)


def load(text: str, yaml: bool = False) -> Document | Diagnostic:
    """The document, or what is wrong with its text, with line and column."""
    if not yaml:
        _, problems = read_json(text)
        return problems[0] if problems else Document(text, text)
    try:
        _check_size(text)
        root = compose(text)
        return Document(text, dumps(plain(root)), root)
    except Broken as broken:
        return _diagnostic(text, broken)
    except InvalidJson as error:
        return _diagnostic(text, Broken(str(error), 0))


def read_json(text: str) -> tuple[Any, list[Diagnostic]]:
    """The value of a JSON text, or None and what is wrong with it."""
    try:
        _check_size(text)
        return _value(text), []
    except Broken as broken:
        return None, [_diagnostic(text, broken)]


def _value(text: str) -> Any:
    try:
        value = loads(text)
    except InvalidJson as error:
        scan(text)  # says better where; if it finds nothing, the decoder's own words must do
        raise Broken(str(error), 0) from None
    if _has_duplicates(text):
        scan(text)
    return value


def _check_size(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise Broken(f"The definition has {len(text):,} characters; {MAX_CHARACTERS:,} are allowed", 0)
    if text.startswith(BOM):
        raise Broken("The text begins with a byte order mark: save it as UTF-8 without one", 0)
    if found := _SURROGATE.search(text):
        raise Broken("The text holds half a character (a lone surrogate): it is not valid Unicode", found.start())
    depth = 0
    for match in _BRACKETS.finditer(text):
        sign = match.group()
        depth += (sign in "[{") - (sign in "]}")
        if depth > MAX_DEPTH:
            raise Broken(f"Nested more than {MAX_DEPTH} levels deep", match.start(), TOO_DEEP)


def _diagnostic(text: str, broken: Broken) -> Diagnostic:
    line, column = line_column(text, broken.offset)
    # Recorded: the location of a text that cannot be read is the parser's position.
    where = broken.location or f"[line: {line}, column: {column}]"
    return Diagnostic("ERROR", broken.code, broken.message, where, line, column)


def _has_duplicates(text: str) -> bool:
    found = False

    def pairs(members: list[tuple[str, Any]]) -> None:
        nonlocal found
        found |= len({name for name, _ in members}) != len(members)

    # Numbers stay text: Python refuses to convert very long ones.
    JSONDecoder(object_pairs_hook=pairs, parse_int=str, parse_float=str).decode(text)
    return found


# --- JSON with places ------------------------------------------------------------------------------------------------


def scan(text: str) -> Node:
    """The tree of a JSON text with the place of every member. Raises Broken at the first mistake, a member that stands
    twice included. A loop, not a recursion."""
    offset = _skip(text, 0)
    root, offset = _open(text, offset, offset)
    stack = [root] if root.members is not None or root.elements is not None else []
    while stack:
        offset = _next(text, _skip(text, offset), stack)
    offset = _skip(text, offset)
    if offset != len(text):
        raise Broken("Nothing may follow the end of the JSON value", offset)
    return root


def _skip(text: str, offset: int) -> int:
    match = _SPACE.match(text, offset)
    return match.end() if match else offset


def _open(text: str, offset: int, start: int) -> tuple[Node, int]:
    """The value at `offset`, and where to go on: after a scalar, or inside of a container."""
    sign = text[offset : offset + 1]
    if sign == "{":
        return Node(start, offset, members={}), offset + 1
    if sign == "[":
        return Node(start, offset, elements=[]), offset + 1
    if sign == '"':
        value, end = _string(text, offset)
        return Node(start, offset, value=value), end
    match = _WORD.match(text, offset)
    if match is None:
        raise Broken(_unexpected(text, offset), offset)
    if len(match.group()) >= _LONG:
        _check_number(match.group(), offset)
    return Node(start, offset), match.end()


def _check_number(word: str, offset: int) -> None:
    try:
        loads(word)
    except InvalidJson:
        shown = word if len(word) <= 20 else f"{word[:20]}..."
        raise Broken(f"The number {shown} is too large: a fraction reaches to 1.8e308, a whole one has at most "
                     f"{MAX_DIGITS:,} digits", offset) from None  # fmt: skip


def _next(text: str, offset: int, stack: list[Node]) -> int:
    """One member, element or closing bracket of the innermost container."""
    node = stack[-1]
    close = "}" if node.members is not None else "]"
    sign = text[offset : offset + 1]
    if sign == close and not node.comma:
        stack.pop()
        return offset + 1
    if node.filled and not node.comma:
        if sign != ",":
            raise Broken(f"Expected ',' or '{close}'" + (", but the text ends" if not sign else ""), offset)
        node.comma = True
        return offset + 1
    if sign == close:
        raise Broken(f"A comma may not stand before '{close}'", offset)
    node.comma = False
    name, start, offset = (None, offset, offset) if node.members is None else _name(text, offset, node, stack)
    child, offset = _open(text, offset, start)
    node.add(name, child)
    if child.members is not None or child.elements is not None:
        stack.append(child)
    return offset


def _name(text: str, offset: int, node: Node, stack: list[Node]) -> tuple[str, int, int]:
    if text[offset : offset + 1] != '"':
        raise Broken("Expected a name in double quotes" + ("" if offset < len(text) else ", but the text ends"), offset)
    name, end = _string(text, offset)
    if node.members is not None and name in node.members:
        raise duplicate(name, offset, stack)
    end = _skip(text, end)
    if text[end : end + 1] != ":":
        raise Broken(f"Expected ':' after the name \"{name[:80]}\"", end)
    return name, offset, _skip(text, end + 1)


def duplicate(name: str, offset: int, stack: list[Node]) -> Broken:
    """The fault of a name that stands twice; within States it has a code of its own."""
    parent = stack[-2] if len(stack) > 1 else None
    is_state = parent is not None and parent.members is not None and parent.members.get("States") is stack[-1]
    what = "The state name" if is_state else "The field"
    return Broken(f"{what} '{name[:80]}' appears more than once", offset, DUPLICATE_STATE if is_state else INVALID_JSON)


def _string(text: str, offset: int) -> tuple[str, int]:
    try:
        value, end = scanstring(text, offset + 1, True)
    except JSONDecodeError as error:
        raise Broken(_STRING_FAULTS.get(error.msg, error.msg), error.pos) from None
    if _SURROGATE.search(value):
        raise Broken("The string holds half a character (a lone surrogate)", offset)
    return value, end


_STRING_FAULTS: Final = {
    "Unterminated string starting at": "The string has no closing quote",
    "Invalid control character at": "Line breaks and control characters in a string are written as escapes (\\n)",
}


def _unexpected(text: str, offset: int) -> str:
    if offset >= len(text):
        return "Expected a value, but the text ends"
    word = re.match(r"[-\w.']{1,20}", text[offset : offset + 20])
    found = word.group() if word else text[offset]
    if found in ("NaN", "Infinity", "-Infinity"):
        return f"{found} is no JSON value"
    hint = {
        "'": ": strings have double quotes",
        "True": ": write true",
        "False": ": write false",
        "None": ": write null",
    }
    return f"Expected a value, but found {found!r}" + hint.get(
        found if found in ("True", "False", "None") else found[0], ""
    )
