"""JSONPath as Step Functions speaks it: paths that read a document and reference paths that write into one.

`$` is the state's data, `$$` the Context object, `$name` a variable. A path is taken apart once, when its definition is
loaded. Pure: a path never changes what it reads, and what it hands out shares its parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, Final

from flowd.asl.filters import Lookup
from flowd.asl.jayway import Budget, Indexes, Keys, Parsed, PathError, PathSyntaxError, PathTooLong, Scope
from flowd.asl.pathparser import parse, parse_argument_path
from flowd.asl.pathwalk import read, start

__all__ = [
    "Path",
    "PathClash",
    "PathError",
    "PathSyntaxError",
    "PathTooLong",
    "ReferencePath",
    "compile_path",
    "compile_reference",
    "parse_argument_path",
    "path_of",
]


#: So many copies of a state's data are no danger to anybody's memory.
FEW: Final = 32


class Path:
    """A compiled path.

    `text` is what was written, `definite` is True if it names at most one node, `root` is `$`, `$$` or the name of a
    variable, `variables` are the names of all variables it refers to, `copies` how often one part of the data can be in
    what it finds (FEW + 1: any number of times).
    """

    __slots__ = ("_parsed", "copies", "definite", "root", "text", "variables")

    def __init__(self, text: str, parsed: Parsed) -> None:
        self.text = text
        self.root = parsed.root
        self.definite = parsed.definite
        self.variables = frozenset(_variables(parsed))
        # Below `..` and in a list of names or indexes a node can be hit more than once.
        self.copies: int = FEW + 1 if not self.definite and (".." in text or "," in text) else 1
        self._parsed = parsed

    def evaluate(self, value: Any, context: Any, variables: Mapping[str, Any]) -> Any:
        """What the path names; for an indefinite path the list of hits. Raises PathError, PathTooLong."""
        budget = Budget()
        document = start(self.root, Scope(value, context, variables, budget))
        return read(self._parsed, document, Scope(document, context, variables, budget))

    def missing(self, value: Any) -> str | None:
        """What of this path, one below `$`, leads nowhere in `value`, in the words of PathClash; None if nothing does.

        Only a path of names and single indexes can tell.
        """
        if self.root != "$":
            return None
        found: Any = value
        for step in _straight(self._parsed) or ():
            kind: type[Any] = dict if isinstance(step, str) else list
            try:
                found = found[step] if isinstance(found, kind) else _MISSING
            except LookupError:
                found = _MISSING
            if found is _MISSING:
                return self._unfollowed(step)
        return None

    def _unfollowed(self, step: str | int | None) -> str:
        return f'step "{step}"' if isinstance(step, str) else f"ReferencePath {self.text}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"


class _PlainPath(Path):
    """Member names below `$`: nine paths of ten, so they take the shortest way and explain themselves only later."""

    __slots__ = ("_names",)

    def __init__(self, text: str, parsed: Parsed) -> None:
        super().__init__(text, parsed)
        self._names = _straight(parsed) or ()

    def evaluate(self, value: Any, context: Any, variables: Mapping[str, Any]) -> Any:
        found = value
        try:
            for name in self._names:
                found = found[name]
        except (KeyError, TypeError):
            return super().evaluate(value, context, variables)
        return found


class _StraightPath(_PlainPath):
    """Names and single indexes below any root."""

    __slots__ = ()

    def evaluate(self, value: Any, context: Any, variables: Mapping[str, Any]) -> Any:
        root = self.root
        try:
            found = value if root == "$" else context if root == "$$" else variables[root]
            for step in self._names:
                if type(step) is int and type(found) is not list:
                    return Path.evaluate(self, value, context, variables)
                found = found[step]
        except (KeyError, TypeError, IndexError):
            return Path.evaluate(self, value, context, variables)
        return found


class ReferencePath(Path):
    """A path that names exactly one place."""

    __slots__ = ()

    def place(self, target: Any, value: Any) -> Any:
        """`target` with `value` at this place, whatever the root; nothing is changed in place.

        Missing objects on the way are made; array items must exist. Raises PathClash where the way leads through
        something else: with the name that an array or the value of a member cannot follow, or else the whole path.
        """
        try:
            return _placed(target, _straight(self._parsed) or (), value)
        except _Clash as clash:
            raise PathClash(self._unfollowed(clash.step)) from None


class _PlainReference(_PlainPath, ReferencePath):
    __slots__ = ()


class _StraightReference(_StraightPath, ReferencePath):
    __slots__ = ()


class PathClash(PathError):
    """A reference path cannot be followed; the text is what cannot: `ReferencePath $.a` or `step "a"`."""


class _Clash(Exception):
    """The way of a reference path leads through something that is no object, or no such array item."""

    def __init__(self, step: str | int | None) -> None:
        super().__init__()
        self.step = step


_MISSING: Final[Any] = object()


def _placed(target: Any, steps: tuple[str | int, ...], value: Any) -> Any:
    """A copy of `target` along `steps`; iterative, for a path may be as long as its definition allows."""
    way: list[tuple[Any, str | int]] = []
    node: Any = target
    container: Any
    before: str | int | None = None
    for step in steps:
        if isinstance(step, str):
            if node is not _MISSING and type(node) is not dict:
                raise _Clash(step if type(node) is list else before)
            container = {} if node is _MISSING else dict(node)
            node = container.get(step, _MISSING)
        else:
            if type(node) is not list or not -len(node) <= step < len(node):
                raise _Clash(None)
            container = list(node)
            node = container[step]
        way.append((container, step))
        before = step
    for container, step in reversed(way):
        container[step] = value
        value = container
    return value


def _steps(segment: Any) -> tuple[str | int, ...]:
    if isinstance(segment, Keys):
        return segment.names
    if isinstance(segment, Indexes):
        return segment.numbers
    raise AssertionError(segment)


@lru_cache(maxsize=8192)
def compile_path(text: str) -> Path:
    """The path written as `text`. Raises PathSyntaxError."""
    return path_of(text, parse(text))


def path_of(text: str, parsed: Parsed) -> Path:
    """The path of an already parsed text. Raises PathSyntaxError for `@...`, which only a filter may say."""
    if parsed.root == "@":
        raise PathSyntaxError(f"'@' outside of a filter in {text!r}")
    steps = _straight(parsed)
    if steps is None:
        return Path(text, parsed)
    return _PlainPath(text, parsed) if _is_plain(parsed, steps) else _StraightPath(text, parsed)


@lru_cache(maxsize=8192)
def compile_reference(text: str) -> ReferencePath:
    """The reference path written as `text`: names and single indexes only. Raises PathSyntaxError.

    Roots other than `$` are accepted, since SecondsPath and its like may name a variable; ResultPath may not, which its
    caller sees from `root`.
    """
    parsed = parse(text)
    steps = _straight(parsed)
    if parsed.root == "@" or steps is None:
        raise PathSyntaxError(f"a reference path names exactly one place, without wildcards and functions: {text!r}")
    return _PlainReference(text, parsed) if _is_plain(parsed, steps) else _StraightReference(text, parsed)


def _straight(parsed: Parsed) -> tuple[str | int, ...] | None:
    """The names and indexes the path goes along, None if there is more to it."""
    if parsed.calls or not all(isinstance(s, Keys | Indexes) and len(_steps(s)) == 1 for s in parsed.segments):
        return None
    return tuple(step for segment in parsed.segments for step in _steps(segment))


def _is_plain(parsed: Parsed, steps: tuple[str | int, ...]) -> bool:
    return parsed.root == "$" and all(type(step) is str for step in steps)


def _variables(part: Any) -> Iterator[str]:
    """Names of the variables in a parsed path, its filters and its arguments."""
    if isinstance(part, Lookup):
        part = part.path
    if isinstance(part, Parsed):
        if part.root not in ("$", "$$", "@"):
            yield part.root
        part = part.segments + part.calls
    if isinstance(part, tuple):
        for member in part:
            yield from _variables(member)
    elif is_dataclass(part):
        for field in fields(part):
            yield from _variables(getattr(part, field.name))
