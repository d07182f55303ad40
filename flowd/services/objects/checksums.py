"""Checksums that clients send with an object, or ask for: those of the standard library are checked, the rest kept.

CRC32C, CRC64NVME and the XXHASH family need libraries that flowd does not have; they are stored as they were sent.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from typing import Final

from flowd.services.objects import errors
from flowd.services.ports import Members

NAMES: Final = (
    *("ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256", "ChecksumSHA512"),
    *("ChecksumMD5", "ChecksumXXHASH64", "ChecksumXXHASH3", "ChecksumXXHASH128"),
)
_MAKERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "ChecksumCRC32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "ChecksumSHA1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "ChecksumSHA256": lambda body: hashlib.sha256(body).digest(),
    "ChecksumSHA512": lambda body: hashlib.sha512(body).digest(),
    "ChecksumMD5": lambda body: hashlib.md5(body, usedforsecurity=False).digest(),
}


def checked(members: Members, body: bytes) -> dict[str, str]:
    """The checksums of a body as they are kept; raises BadDigest for one that is wrong."""
    given = members.get("ContentMD5")
    if given and given != _text(_MAKERS["ChecksumMD5"](body)):
        raise errors.invalid("The Content-MD5 you specified did not match what we received.", "BadDigest")
    found = {name: str(members[name]) for name in NAMES if members.get(name)}
    asked = f"Checksum{members.get('ChecksumAlgorithm') or ''}"
    if asked in _MAKERS:
        found.setdefault(asked, _text(_MAKERS[asked](body)))
    for name, value in found.items():
        if name in _MAKERS and value != _text(_MAKERS[name](body)):
            algorithm = name.removeprefix("Checksum")
            raise errors.invalid(f"The {algorithm} you specified did not match the calculated checksum.", "BadDigest")
    return found


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
