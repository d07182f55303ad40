"""Checksums: known values of every algorithm, and those of uploads in parts."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from flowd.services.objects import checksums
from flowd.services.ports import ServiceError

#: The check value that each algorithm's description gives, of the nine digits; the others are Python's own.
KNOWN = {
    "ChecksumCRC32": "cbf43926",
    "ChecksumCRC32C": "e3069283",
    "ChecksumCRC64NVME": "ae8b14860a799888",
    "ChecksumMD5": "25f9e794323b453885f5181f1b624d0b",
}
BODY = b"123456789"


def text(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()


@pytest.mark.parametrize("name", KNOWN)
def test_a_sum_is_that_of_its_description_however_the_bytes_are_cut(name: str) -> None:
    assert checksums.of(name, [BODY]) == checksums.of(name, [BODY[:4], b"", BODY[4:]]) == text(KNOWN[name])


@pytest.mark.parametrize("name", [name for name in checksums.NAMES if "XXHASH" not in name])
def test_a_wrong_sum_is_refused_and_a_right_one_is_kept(name: str) -> None:
    right = checksums.of(name, [BODY])
    assert checksums.checked({name: right}, BODY) == {name: right}
    assert checksums.checked({"ChecksumAlgorithm": name.removeprefix("Checksum")}, BODY) == {name: right}
    with pytest.raises(ServiceError, match="did not match the calculated checksum") as caught:
        checksums.checked({name: right}, BODY + b"0")
    assert caught.value.code == "BadDigest"


@pytest.mark.parametrize(
    ("members", "asked", "kind", "found"),
    [
        ({}, "", "", {}),
        ({}, "CRC32", "FULL_OBJECT", {"ChecksumCRC32": "y/Q5Jg=="}),
        ({}, "CRC64NVME", "", {"ChecksumCRC64NVME": text(KNOWN["ChecksumCRC64NVME"])}),
        ({"ChecksumCRC64NVME": text(KNOWN["ChecksumCRC64NVME"])}, "", "",
         {"ChecksumCRC64NVME": text(KNOWN["ChecksumCRC64NVME"])}),
        ({"ChecksumCRC32": "AAAAAA=="}, "CRC32", "FULL_OBJECT", None),
    ],
)  # fmt: skip
def test_the_sum_of_all_bytes_of_an_upload(members: Any, asked: str, kind: str, found: Any) -> None:
    if found is None:
        with pytest.raises(ServiceError, match="The CRC32 you specified"):
            checksums.of_parts(members, asked, kind, [], lambda: [BODY])
    else:
        assert checksums.of_parts(members, asked, kind, [], lambda: [BODY[:4], BODY[4:]]) == found


def test_the_sum_of_the_sums_of_an_uploads_parts() -> None:
    parts = [{"ChecksumSHA256": checksums.of("ChecksumSHA256", [part])} for part in (b"a", b"b")]
    digests = hashlib.sha256(b"a").digest() + hashlib.sha256(b"b").digest()
    wanted = base64.b64encode(hashlib.sha256(digests).digest()).decode()
    found = checksums.of_parts({}, "SHA256", "", parts, lambda: [])
    assert found == {"ChecksumSHA256": f"{wanted}-2"}
    assert checksums.kind_of(found) == {"ChecksumType": "COMPOSITE"}
    assert checksums.of_parts({"ChecksumSHA256": wanted}, "SHA256", "", parts, lambda: []) == found
    assert checksums.of_parts({}, "SHA256", "", [*parts, {}], lambda: []) == {}


def test_sums_of_the_xxhash_family_are_kept_as_they_were_sent() -> None:
    sent = {"ChecksumXXHASH64": "AAAAAAAAAAA="}
    assert checksums.checked(sent, BODY) == sent
    assert checksums.of_parts(sent, "XXHASH64", "FULL_OBJECT", [], lambda: [BODY]) == {}
