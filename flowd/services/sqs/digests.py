"""Message attributes: what they may be, how large they are, which of them somebody wants, and their MD5. Pure.

Sources: SQS developer guide, "Message attributes" (rules, MD5 algorithm); API reference, SendMessage, ReceiveMessage.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Any, Final

from flowd.services.ports import ServiceError
from flowd.services.sqs import errors

Attributes = Mapping[str, Mapping[str, Any]]
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_TYPES: Final = ("String", "Number", "Binary")
_MOST: Final = 10
_ALLOWED_TEXT: Final = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
#: What a sender may say about a message beside its own attributes.
_SYSTEM: Final = frozenset({"AWSTraceHeader"})


def md5_of_body(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def md5_of(attributes: Attributes) -> str:
    """Names in order; of each the length and bytes of name and type, a byte for the kind of value, the value."""
    digest = hashlib.md5(usedforsecurity=False)

    def put(data: bytes) -> None:
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)

    for name in sorted(attributes):
        value = attributes[name]
        put(name.encode())
        put(str(value["DataType"]).encode())
        if str(value["DataType"]).startswith("Binary"):
            digest.update(b"\x02")
            put(bytes(value["BinaryValue"]))
        else:
            digest.update(b"\x01")
            put(str(value["StringValue"]).encode())
    return digest.hexdigest()


def size_of(attributes: Attributes) -> int:
    """Names, types and values count towards the size of a message."""
    total = 0
    for name, value in attributes.items():
        content = value.get("BinaryValue")
        total += len(name.encode()) + len(str(value["DataType"]).encode())
        total += len(bytes(content)) if content is not None else len(str(value.get("StringValue", "")).encode())
    return total


def check_text(text: str) -> None:
    """The characters that XML 1.0 has."""
    if _ALLOWED_TEXT.fullmatch(text) is None:
        raise ServiceError(
            "InvalidMessageContents",
            "Invalid binary character was found in the message body, the set of allowed characters is "
            "#x9 | #xA | #xD | [#x20 to #xD7FF] | [#xE000 to #xFFFD] | [#x10000 to #x10FFFF]",
        )


def check(attributes: Attributes) -> None:
    """Message attributes of a sender. Raises ServiceError."""
    if len(attributes) > _MOST:
        raise errors.invalid_value(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{_MOST}]."
        )
    for name, value in attributes.items():
        _check_name(name)
        check_value(name, value)


def check_system(attributes: Attributes) -> None:
    for name, value in attributes.items():
        if name not in _SYSTEM:
            raise errors.invalid_value(f"Message system attribute name '{name}' is invalid.")
        check_value(name, value)
        if value["DataType"] != "String":
            raise errors.invalid_value(f"The message system attribute '{name}' must be of the type String.")


def _check_name(name: str) -> None:
    lower = name.lower()
    if _NAME.fullmatch(name) is None or lower.startswith(("aws.", "amazon.")) or name[0] == "." or name[-1] == ".":
        raise errors.invalid_value(
            f"The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore "
            "(_), hyphen (-), and period (.) characters; it cannot begin with AWS. or Amazon., nor begin or end with a "
            "period."
        )
    if ".." in name:
        raise errors.invalid_value("Message attribute name can not have successive '.' character.")


def check_value(name: str, value: Mapping[str, Any]) -> None:
    kind = str(value.get("DataType") or "")
    if not kind:
        raise errors.invalid_value(f"The message attribute '{name}' must contain a non-empty message attribute type.")
    base = kind.partition(".")[0]
    if base not in _TYPES or len(kind) > 256:
        raise errors.invalid_value(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes "
            "is Binary, Number, and String."
        )
    member = "BinaryValue" if base == "Binary" else "StringValue"
    if not value.get(member):
        raise errors.invalid_value(
            f"The message attribute '{name}' must contain a non-empty message attribute value for message attribute "
            f"type '{kind}'."
        )
    if base == "Number" and _NUMBER.fullmatch(str(value[member])) is None:
        raise errors.invalid_value(f"Can't cast the value of message attribute '{name}' to a number.")
    if base != "Binary":
        check_text(str(value[member]))


def pack(attributes: Attributes) -> str:
    """As JSON text for the tables."""
    if not attributes:
        return "{}"
    plain = {
        name: {
            key: b64encode(bytes(inner)).decode() if key == "BinaryValue" else inner
            for key, inner in value.items()
            if key in ("DataType", "StringValue", "BinaryValue")
        }
        for name, value in attributes.items()
    }
    return json.dumps(plain, ensure_ascii=False)


def unpack(text: str) -> dict[str, dict[str, Any]]:
    """The reverse."""
    if text == "{}":
        return {}
    found: dict[str, dict[str, Any]] = json.loads(text)
    for value in found.values():
        if "BinaryValue" in value:
            value["BinaryValue"] = b64decode(value["BinaryValue"])
    return found


def wanted(attributes: dict[str, dict[str, Any]], names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Those that a receiver asks for: by name, `All`, `.*`, or a prefix as `bar.*`."""
    names = list(names)
    if any(name in ("All", ".*") for name in names):
        return attributes
    prefixes = tuple(name[:-2] for name in names if name.endswith(".*"))
    return {
        name: value for name, value in attributes.items() if name in names or (prefixes and name.startswith(prefixes))
    }
