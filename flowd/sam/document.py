"""A template's text as plain values, with line and column of every key. Pure; it does not know what a template means.

CloudFormation is YAML 1.1 with short tags: `!Sub x` becomes `{"Fn::Sub": "x"}`, so that the rest of the package sees
one form only. JSON is YAML, so a template in JSON is read the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from flowd.errors import FlowdError

Path = tuple[str | int, ...]

_MOST_NODES = 100_000  # what a template may grow to when its aliases are written out
_MERGE = "tag:yaml.org,2002:merge"
_PLAIN_NAMES = {"!Ref": "Ref", "!Condition": "Condition"}  # every other tag `!X` is `Fn::X`
#: YAML 1.1 also has `y` and `n`; CloudFormation does not, and `AttributeType: N` is what most tables say.
_TYPED = ("bool", "int", "float", "null")  # a date such as 2010-09-09 stays the text it is


class Mark(NamedTuple):
    """A place in a file, counted from 1."""

    line: int
    column: int


TOP = Mark(1, 1)


class TemplateError(FlowdError):
    """The template cannot be read."""

    def __init__(self, message: str, mark: Mark = TOP) -> None:
        super().__init__(message)
        self.mark = mark


class Document(msgspec.Struct, frozen=True):
    """The values of a template, and where each key and element stands."""

    value: Any
    marks: dict[Path, Mark]
    doubled: tuple[Path, ...] = ()  # keys that stand twice in their mapping, of which the last one counts

    def where(self, *path: str | int) -> Mark:
        """Where the value at `path` begins: the mark of its key, or of the nearest parent that has one."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.marks:
                return self.marks[path[:length]]
        return TOP

    def below(self, *path: str | int) -> Iterator[tuple[Path, Mark]]:
        """Everything under `path`, as (path relative to it, mark)."""
        for key, mark in self.marks.items():
            if len(key) > len(path) and key[: len(path)] == path:
                yield key[len(path) :], mark


def read_document(text: str) -> Document:
    """The document in `text`. Raises TemplateError with line and column."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as problem:
        raise TemplateError(_said(problem), _mark(problem.problem_mark or problem.context_mark)) from None
    except YAMLError as problem:
        raise TemplateError(f"not YAML: {str(problem).splitlines()[0]}") from None
    except RecursionError:
        raise TemplateError("nested too deeply") from None
    if node is None:
        raise TemplateError("the template is empty")
    reader = _Reader(yaml.constructor)
    try:
        value = reader.read(node, ())
    except RecursionError:
        raise TemplateError("nested too deeply") from None
    return Document(value, reader.marks, tuple(reader.doubled))


def _said(problem: MarkedYAMLError) -> str:
    parts = [part for part in (problem.context, problem.problem) if part]
    return "not YAML: " + ", ".join(parts)


def _mark(mark: Any) -> Mark:
    return TOP if mark is None else Mark(mark.line + 1, mark.column + 1)


class _Reader:
    """Walks the nodes once."""

    def __init__(self, constructor: Any) -> None:
        self.marks: dict[Path, Mark] = {}
        self.doubled: list[Path] = []
        self._constructor = constructor
        self._left = _MOST_NODES

    def read(self, node: Node, path: Path) -> Any:
        self._left -= 1
        if self._left < 0:
            raise TemplateError("too large when its aliases are written out", _mark(node.start_mark))
        self.marks.setdefault(path, _mark(node.start_mark))
        tag = str(node.tag or "")
        if tag.startswith("!") and len(tag) > 1:
            return self._tagged(node, tag, path)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, tag)

    def _tagged(self, node: Node, tag: str, path: Path) -> dict[str, Any]:
        name = _PLAIN_NAMES.get(tag, f"Fn::{tag[1:]}")
        value: Any
        if isinstance(node, MappingNode):
            value = self._mapping(node, (*path, name))
        elif isinstance(node, SequenceNode):
            value = [self.read(item, (*path, name, index)) for index, item in enumerate(node.value)]
        else:
            value = node.value.split(".", 1) if tag == "!GetAtt" else node.value
        return {name: value}

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        found: dict[str, Any] = {}
        last = {str(key.value): value for key, value in node.value if isinstance(key, ScalarNode)}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged = {**self._merge(value_node, path), **merged}
                continue
            if not isinstance(key_node, ScalarNode):
                raise TemplateError("a key must be a word", _mark(key_node.start_mark))
            key = str(key_node.value)
            if last[key] is not value_node:  # SAM and CloudFormation take such templates, and the last one counts
                self.doubled.append((*path, key))
                continue
            self.marks[(*path, key)] = _mark(key_node.start_mark)
            found[key] = self.read(value_node, (*path, key))
        return {**merged, **found}

    def _merge(self, node: Node, path: Path) -> dict[str, Any]:
        parts = node.value if isinstance(node, SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for part in parts:
            value = self.read(part, path)
            if not isinstance(value, dict):
                raise TemplateError("<< takes a mapping", _mark(part.start_mark))
            merged = {**value, **merged}
        return merged

    def _scalar(self, node: Node, tag: str) -> Any:
        kind = tag.rpartition(":")[2]
        if kind not in _TYPED or (kind == "bool" and len(node.value) == 1):
            return node.value
        try:
            return self._constructor.construct_object(node)
        except (ValueError, YAMLError):
            return node.value
