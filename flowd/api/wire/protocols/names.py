"""What members, entries and pairs are called in XML and in queries, by the model or by SQS's older protocol."""

from __future__ import annotations

from botocore.model import ListShape, MapShape, Shape

from flowd.api.wire.protocols import sqs


def member(name: str, shape: Shape) -> str:
    """A structure's member. A flat list goes by the name of its entries."""
    if "name" in shape.serialization:
        return str(shape.serialization["name"])
    if is_flat(shape):
        if shape.name in sqs.ENTRIES:
            return sqs.ENTRIES[shape.name]
        if isinstance(shape, ListShape) and "name" in shape.member.serialization:
            return str(shape.member.serialization["name"])
    return name


def is_flat(shape: Shape) -> bool:
    """True where the entries stand beside other members instead of within an element of their own."""
    return bool(shape.serialization.get("flattened")) and isinstance(shape, ListShape | MapShape)


def entry(shape: ListShape) -> str:
    """One entry of a list that is not flat."""
    return str(shape.member.serialization.get("name", "member"))


def pair(shape: MapShape) -> tuple[str, str]:
    """A map's keys and values."""
    default = sqs.PAIRS.get(shape.name, ("Name", "Value")) if shape.name in sqs.ENTRIES else ("key", "value")
    return (
        str(shape.key.serialization.get("name", default[0])),
        str(shape.value.serialization.get("name", default[1])),
    )
