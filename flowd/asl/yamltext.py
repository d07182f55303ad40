"""YAML definitions: YAML 1.2 read into places and into a JSON value. Plain data only: no tags, no code.

What YAML adds to JSON and a definition cannot hold (dates, binary, NaN, cycles) is kept as text or refused by name.
"""

from __future__ import annotations

import math
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode

from flowd.asl.diagnostics import DUPLICATE_STATE, INVALID_JSON, TOO_DEEP
from flowd.asl.nodes import Broken, Node

MAX_CHARACTERS: Final = 262_144  # a second of parsing for every 100,000 characters
MAX_VALUES: Final = 200_000  # anchors can repeat a part; this is where it ends
MAX_DEPTH: Final = 256
_TAG = "tag:yaml.org,2002:"


def compose(text: str) -> Node:
    """The tree of a YAML text. Raises Broken."""
    if len(text) > MAX_CHARACTERS:
        raise Broken(f"A YAML definition may have {MAX_CHARACTERS:,} characters, this one has {len(text):,}: "
                     "write it as JSON", 0)  # fmt: skip
    try:
        document = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Broken(f"YAML: {error.problem or error.context}", mark.index if mark else 0) from None
    except RecursionError:
        raise Broken("Nested too deeply", 0, TOO_DEEP) from None
    except (YAMLError, ValueError, UnicodeError) as error:
        raise Broken(f"YAML: {str(error).splitlines()[0]}", 0) from None
    if document is None:
        raise Broken("The text is empty", 0)
    return _Tree().convert(document, document.start_mark.index, ())


def plain(node: Node) -> Any:
    """The JSON value of a tree made by `compose`."""
    if node.members is not None:
        return {name: plain(child) for name, child in node.members.items()}
    if node.elements is not None:
        return [plain(child) for child in node.elements]
    return node.value


class _Tree:
    """Converts the parser's nodes; counts, so that anchors cannot make a small text large."""

    def __init__(self) -> None:
        self.values = 0

    def convert(self, node: YamlNode, start: int, parents: tuple[YamlNode, ...]) -> Node:
        offset = node.start_mark.index
        self.values += 1
        if self.values > MAX_VALUES:
            raise Broken(f"The text stands for more than {MAX_VALUES:,} values", offset)
        if len(parents) > MAX_DEPTH:
            raise Broken(f"Nested more than {MAX_DEPTH} levels deep", offset, TOO_DEEP)
        if any(parent is node for parent in parents):
            raise Broken("An anchor may not contain itself", offset)
        inside = (*parents, node)
        if isinstance(node, MappingNode):
            tree = Node(start, offset, members={})
            self._members(node, tree, inside)
            return tree
        if isinstance(node, SequenceNode):
            elements = [self.convert(child, child.start_mark.index, inside) for child in node.value]
            return Node(start, offset, elements=elements)
        assert isinstance(node, ScalarNode)
        return Node(start, offset, value=_scalar(node))

    def _members(self, node: MappingNode, tree: Node, parents: tuple[YamlNode, ...]) -> None:
        merged: dict[str, Node] = {}
        for key, child in node.value:
            offset = key.start_mark.index
            if not isinstance(key, ScalarNode):
                raise Broken("A name must be text", offset)
            converted = self.convert(child, offset, parents)
            if key.tag == f"{_TAG}merge" or (key.value == "<<" and key.style is None):
                for part in converted.elements or [converted]:
                    merged = {**(part.members or {}), **merged}
            elif tree.members is not None and key.value in tree.members:
                raise _twice(key.value, offset, parents)
            else:
                tree.add(key.value, converted)
        for name, inherited in merged.items():
            if tree.members is not None and name not in tree.members:
                tree.add(name, inherited)


def _twice(name: str, offset: int, parents: tuple[YamlNode, ...]) -> Broken:
    holder = parents[-2].value if len(parents) > 1 else ()
    is_state = any(child is parents[-1] and getattr(key, "value", None) == "States" for key, child in holder)
    what = "The state name" if is_state else "The field"
    return Broken(f"{what} '{name[:80]}' appears more than once", offset, DUPLICATE_STATE if is_state else INVALID_JSON)


def _scalar(node: ScalarNode) -> Any:
    tag, text = str(node.tag).removeprefix(_TAG), str(node.value)
    offset = node.start_mark.index
    if tag in ("str", "timestamp", "binary", "value"):
        return text
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    try:
        number = _integer(text) if tag == "int" else float(text) if tag == "float" else None
    except ValueError:
        raise Broken(f"'{text[:40]}' is no JSON value: put it in quotes", offset) from None
    if number is None:
        raise Broken(f"The tag {node.tag} means nothing here: a definition is plain data", offset)
    if isinstance(number, float) and not math.isfinite(number):
        raise Broken(f"'{text}' is no JSON value: put it in quotes", offset)
    return number


def _integer(text: str) -> int:
    return int(text.replace("_", ""), 0 if text.lower().lstrip("+-").startswith(("0x", "0o")) else 10)
