"""What is taken away while somebody reads or writes it is told by its name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flowd.services.objects import SERVICE, checksums, facts, multipart, objects
from flowd.services.ports import Call, ServiceError
from flowd.services.s3 import FolderBuckets

Ask = Callable[..., dict[str, Any]]
Abort = Callable[[], None]
Members = dict[str, str]


@pytest.fixture
def buckets(tmp_path: Path) -> FolderBuckets:
    made = FolderBuckets(tmp_path / "s3")
    made.make("data")
    return made


@pytest.fixture
def ask(buckets: FolderBuckets) -> Ask:
    def asked(operation: str, **members: Any) -> dict[str, Any]:
        call = Call(0, "us-east-1", "000000000000", lambda: "id", endpoint="http://127.0.0.1:8083")
        return SERVICE.operations[operation](buckets, {"Bucket": "data", **members}, call)

    return asked


@pytest.fixture
def upload(ask: Ask) -> Members:
    """An upload of one part."""
    names = {"Key": "to", "UploadId": ask("CreateMultipartUpload", Key="to")["UploadId"]}
    ask("UploadPart", **names, PartNumber=1, Body=b"part")
    return names


@pytest.fixture
def aborted(buckets: FolderBuckets) -> Abort:
    return partial(shutil.rmtree, buckets.own_folder("data", "uploads"), ignore_errors=True)


def after(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, strike: Callable[[], Any]) -> None:
    """Something happens just after a function of the operation has looked."""
    real = getattr(place, name)

    def looked(*arguments: Any, **named: Any) -> Any:
        found = real(*arguments, **named)
        strike()
        return found

    monkeypatch.setattr(place, name, looked)


@pytest.mark.parametrize("operation", ["CopyObject", "UploadPartCopy"])
def test_a_source_that_is_deleted_while_it_is_copied_is_no_key(
    ask: Ask, buckets: FolderBuckets, upload: Members, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("PutObject", Key="from", Body=b"x")
    after(monkeypatch, objects, "source_of", lambda: buckets.delete("data", "from"))
    more = {**upload, "PartNumber": 2} if operation == "UploadPartCopy" else {"Key": "to"}
    with pytest.raises(ServiceError) as caught:
        ask(operation, **more, CopySource="data/from")
    assert (caught.value.code, caught.value.extras["Key"]) == ("NoSuchKey", "from")


@pytest.mark.parametrize(
    ("operation", "place", "name"),
    [
        ("UploadPart", multipart, "_upload"),
        ("UploadPart", multipart, "_write_part"),
        ("UploadPartCopy", objects, "source_of"),
        ("ListParts", facts, "of"),
        ("CompleteMultipartUpload", multipart, "_checked_part"),
        ("CompleteMultipartUpload", checksums, "of_parts"),
    ],
)
def test_an_upload_that_is_aborted_while_somebody_is_at_it_is_none(
    ask: Ask, aborted: Abort, upload: Members, operation: str, place: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("PutObject", Key="from", Body=b"x")
    etag = ask("UploadPart", **upload, PartNumber=2, Body=b"part")["ETag"]
    more: dict[str, dict[str, Any]] = {
        "UploadPart": {"PartNumber": 3, "Body": b"part"},
        "UploadPartCopy": {"PartNumber": 3, "CopySource": "data/from"},
        "CompleteMultipartUpload": {"MultipartUpload": {"Parts": [{"PartNumber": 2, "ETag": etag}]}},
    }
    after(monkeypatch, place, name, aborted)
    with pytest.raises(ServiceError) as caught:
        ask(operation, **upload, **more.get(operation, {}))
    assert caught.value.code == "NoSuchUpload"
