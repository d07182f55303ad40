"""A document as a tree of places, made from JSON or YAML, and the search in it for a diagnostic's location."""

from __future__ import annotations

from typing import Any

from flowd.asl.diagnostics import INVALID_JSON
from flowd.errors import FlowdError


class Broken(FlowdError):
    """The text cannot be read. `offset` is the place of the mistake."""

    def __init__(self, message: str, offset: int, code: str = INVALID_JSON, location: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.code = code
        self.location = location


class Node:
    """One value. `start` is the place of its name where it has one, `offset` that of the value itself."""

    __slots__ = ("comma", "elements", "members", "offset", "start", "value")

    def __init__(
        self,
        start: int,
        offset: int,
        *,
        members: dict[str, Node] | None = None,
        elements: list[Node] | None = None,
        value: Any = None,
    ) -> None:
        self.start = start
        self.offset = offset
        self.members = members
        self.elements = elements
        self.value = value
        self.comma = False  # while it is read: a comma was the last thing seen

    @property
    def filled(self) -> bool:
        return bool(self.members or self.elements)

    def add(self, name: str | None, child: Node) -> None:
        """A further member, or without a name a further element."""
        if name is not None and self.members is not None:
            self.members[name] = child
        elif self.elements is not None:
            self.elements.append(child)


def find(root: Node, location: str) -> Node:
    """The node of a location, or the deepest one on the way to it. Names may hold `/` and `[`: the tree decides."""
    node = root
    rest = location.rstrip("/")
    while rest:
        step = _step(node, rest)
        if step is None:
            break
        node, rest = step
    return node


def _step(node: Node, rest: str) -> tuple[Node, str] | None:
    if node.elements is not None and rest.startswith("["):
        number, _, after = rest[1:].partition("]")
        if number.isdecimal() and len(number) < 10 and int(number) < len(node.elements):
            return node.elements[int(number)], after
    if node.members is not None and rest.startswith("/"):
        # The longest name that fits: `a/b` before `a`.
        fits = [
            name for name in node.members if rest.startswith(name, 1) and rest[len(name) + 1 :][:1] in ("", "/", "[")
        ]
        if fits:
            name = max(fits, key=len)
            return node.members[name], rest[len(name) + 1 :]
    return None


def line_column(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1; columns count characters."""
    offset = min(offset, len(text))
    line = text.count("\n", 0, offset) + 1
    return line, offset - (text.rfind("\n", 0, offset) + 1) + 1
