"""Checksums that clients send with an object, or ask for: they are worked out and compared.

Those of the XXHASH family need a library that flowd does not have; they are kept as they were sent.

An upload in parts has the checksum of its bytes (FULL_OBJECT), or one made of those of its parts (COMPOSITE), which
ends in their number. Source: S3 user guide, "Checking object integrity".
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import anycrc

from flowd.services.objects import errors
from flowd.services.ports import Members, ServiceError

NAMES: Final = (
    *("ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256", "ChecksumSHA512"),
    *("ChecksumMD5", "ChecksumXXHASH64", "ChecksumXXHASH3", "ChecksumXXHASH128"),
)
_MD5: Final = re.compile(r"[A-Za-z0-9+/]{22}==")  # 16 bytes
FULL, COMPOSITE = "FULL_OBJECT", "COMPOSITE"


class _Crc:
    """A sum that goes on from the last one, with hashlib's two methods."""

    def __init__(self, step: Callable[[bytes, int], int], size: int) -> None:
        self._step, self._size, self._sum = step, size, 0

    def update(self, piece: bytes) -> None:
        self._sum = self._step(piece, self._sum)

    def digest(self) -> bytes:
        return self._sum.to_bytes(self._size, "big")


_CRC32C, _CRC64 = anycrc.Model("CRC32C"), anycrc.Model("CRC64-NVME")
_MAKERS: Final[dict[str, Callable[[], Any]]] = {
    "ChecksumCRC32": lambda: _Crc(zlib.crc32, 4),
    "ChecksumCRC32C": lambda: _Crc(_CRC32C.calc, 4),
    "ChecksumCRC64NVME": lambda: _Crc(_CRC64.calc, 8),
    "ChecksumSHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "ChecksumSHA256": hashlib.sha256,
    "ChecksumSHA512": hashlib.sha512,
    "ChecksumMD5": lambda: hashlib.md5(usedforsecurity=False),
}


def checked(members: Members, body: bytes) -> dict[str, str]:
    """The checksums of a body as they are kept; raises BadDigest for one that is wrong, InvalidDigest for none."""
    given = members.get("ContentMD5")
    if given and not _MD5.fullmatch(given):
        raise errors.invalid("The Content-MD5 you specified is not valid.", "InvalidDigest")
    if given and given != of("ChecksumMD5", [body]):
        raise errors.invalid("The Content-MD5 you specified did not match what we received.", "BadDigest")
    found = {name: str(members[name]) for name in NAMES if members.get(name)}
    asked = f"Checksum{members.get('ChecksumAlgorithm') or ''}"
    if asked in _MAKERS:
        found.setdefault(asked, of(asked, [body]))
    for name, value in found.items():
        if name in _MAKERS and value != of(name, [body]):
            raise _wrong(name)
    return found


def of(name: str, pieces: Iterable[bytes]) -> str:
    """The checksum of these bytes, as text."""
    sum_ = _MAKERS[name]()
    for piece in pieces:
        sum_.update(piece)
    return _text(sum_.digest())


def of_parts(
    members: Members, asked: str, kind: str, parts: Sequence[dict[str, str]], pieces: Callable[[], Iterable[bytes]]
) -> dict[str, str]:
    """The checksum of an upload in parts as it is kept. `asked` and `kind` were said when the upload began.

    `parts` are the checksums that came with the parts; `pieces` gives all bytes again. Raises BadDigest.
    """
    given = {name: str(members[name]) for name in NAMES if members.get(name)}
    name = f"Checksum{asked}" if asked else next(iter(given), "")
    if name not in _MAKERS:
        return {}
    whole = (kind or members.get("ChecksumType") or _otherwise(name)) == FULL
    if whole:
        found = of(name, pieces())
    elif all(name in part for part in parts):
        digests = b"".join(base64.b64decode(part[name]) for part in parts)
        found = f"{of(name, [digests])}-{len(parts)}"
    else:
        return {}
    if given.get(name, found) not in (found, found.partition("-")[0]):
        raise _wrong(name)
    return {name: found}


def kind_of(sums: dict[str, str]) -> dict[str, str]:
    """The member that says what is summed."""
    if not sums:
        return {}
    return {"ChecksumType": COMPOSITE if any("-" in each for each in sums.values()) else FULL}


def check_part(part: Members, known: dict[str, str]) -> bool:
    """True unless a part is named with another checksum than it came with."""
    return all(str(part[name]) == known.get(name, part[name]) for name in NAMES if part.get(name))


def _otherwise(name: str) -> str:
    return FULL if name == "ChecksumCRC64NVME" else COMPOSITE


def _wrong(name: str) -> ServiceError:
    algorithm = name.removeprefix("Checksum")
    return errors.invalid(f"The {algorithm} you specified did not match the calculated checksum.", "BadDigest")


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
