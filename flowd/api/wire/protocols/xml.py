"""XML by a service model: values from elements, elements from values. Knows no protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from botocore.model import ListShape, MapShape, Shape, StructureShape

from flowd.api.wire.protocols import names, scalars
from flowd.errors import ApiError


class MalformedXML(ApiError):
    """The XML you provided was not well-formed or did not validate against our published schema"""


def parse(body: bytes) -> ElementTree.Element:
    """The root of a document. A document type could let entities grow without bounds, so it is refused."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise MalformedXML
    try:
        return ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError):
        raise MalformedXML from None


# -- reading -----------------------------------------------------------------------


def read(shape: Shape, node: ElementTree.Element) -> Any:
    """The value of an element. Raises MalformedXML where the model requires a member that is not there."""
    if isinstance(shape, StructureShape):
        found: dict[str, Any] = {}
        for name, inner in shape.members.items():
            value = _member(inner, name, node)
            if value is not None:
                found[name] = value
            elif name in shape.required_members and "location" not in inner.serialization:
                raise MalformedXML
        return found
    if isinstance(shape, ListShape):
        return [read(shape.member, each) for each in node]
    if isinstance(shape, MapShape):
        return dict(_entry(shape, each) for each in node)
    return scalars.read_text(shape, node.text or "")


def _member(shape: Shape, name: str, node: ElementTree.Element) -> Any:
    called = names.member(name, shape)
    if shape.serialization.get("xmlAttribute"):
        given = next((value for key, value in node.items() if _local(key) == called.rpartition(":")[2]), None)
        return None if given is None else scalars.read_text(shape, given)
    if names.is_flat(shape):
        every = [each for each in node if _local(each.tag) == called]
        if isinstance(shape, ListShape):
            return [read(shape.member, each) for each in every] if every else None
        assert isinstance(shape, MapShape)
        return dict(_entry(shape, each) for each in every) if every else None
    found = next((each for each in node if _local(each.tag) == called), None)
    return None if found is None else read(shape, found)


def _entry(shape: MapShape, node: ElementTree.Element) -> tuple[Any, Any]:
    key, value = names.pair(shape)
    parts = {_local(each.tag): each for each in node}
    if key not in parts or value not in parts:
        raise MalformedXML
    return read(shape.key, parts[key]), read(shape.value, parts[value])


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


# -- writing -----------------------------------------------------------------------


def write(shape: Shape, value: Any, tag: str) -> str:
    """An element with a value in it."""
    return "".join(_element(shape, value, tag))


def members(shape: StructureShape, values: dict[str, Any]) -> str:
    """The elements of a structure's members, without one around them. Members that are None are left out."""
    return "".join(
        part
        for name, inner in shape.members.items()
        if values.get(name) is not None and not inner.serialization.get("xmlAttribute")
        for part in _written(inner, values[name], names.member(name, inner))
    )


def _written(shape: Shape, value: Any, tag: str) -> Iterator[str]:
    if not names.is_flat(shape):
        yield from _element(shape, value, tag)
    elif isinstance(shape, ListShape):
        for inner in value:
            yield from _element(shape.member, inner, tag)
    else:
        assert isinstance(shape, MapShape)
        for key, inner in value.items():
            yield f"<{tag}>{_pair(shape, key, inner)}</{tag}>"


def _element(shape: Shape, value: Any, tag: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        yield f"<{tag}{_attributes(shape, value)}>{members(shape, value)}</{tag}>"
    elif isinstance(shape, ListShape):
        each = names.entry(shape)
        yield f"<{tag}>{''.join(write(shape.member, inner, each) for inner in value)}</{tag}>"
    elif isinstance(shape, MapShape):
        inside = "".join(f"<entry>{_pair(shape, key, inner)}</entry>" for key, inner in value.items())
        yield f"<{tag}>{inside}</{tag}>"
    else:
        yield f"<{tag}>{plain(scalars.write_text(shape, value))}</{tag}>"


def _pair(shape: MapShape, key: Any, value: Any) -> str:
    first, second = names.pair(shape)
    return f"{write(shape.key, key, first)}{write(shape.value, value, second)}"


def _attributes(shape: StructureShape, values: dict[str, Any]) -> str:
    """Attributes of an element, with the name space that its model gives it."""
    space = shape.serialization.get("xmlNamespace")
    found = ""
    if isinstance(space, dict):
        prefix = f":{space['prefix']}" if space.get("prefix") else ""
        found = f" xmlns{prefix}={quoteattr(space['uri'])}"
    for name, inner in shape.members.items():
        if inner.serialization.get("xmlAttribute") and values.get(name) is not None:
            found += f" {names.member(name, inner)}={quoteattr(scalars.write_text(inner, values[name]))}"
    return found


def plain(text: str) -> str:
    """Text as XML has it. What no document can hold is percent-encoded, since an answer must be readable.

    S3's lists have `encoding-type=url` for it (S3 API reference, ListObjectsV2), which SDKs ask for by themselves.
    """
    return escape(text, _CONTROL)


#: A carriage return would be read as a line feed.
_CONTROL = {"\r": "&#xd;"} | {
    chr(code): quote(chr(code)) for code in (*range(32), 0xFFFE, 0xFFFF) if chr(code) not in "\t\n\r"
}
