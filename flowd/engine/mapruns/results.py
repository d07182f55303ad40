"""What a Map Run's children came to, as the state's result or as files in a bucket.

The forms are those of the developer guide ("ResultWriter"): NONE gives each child's whole record, COMPACT its output,
FLATTEN the entries of an output that is an array; a child that failed always gives its record.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, BinaryIO, Final

from flowd.asl.items import ChildInput
from flowd.clock import iso8601
from flowd.decisions import Writing
from flowd.errors import FlowdError
from flowd.payload import Payload, dumps
from flowd.services.s3 import BadKey, Buckets, NoSuchBucket
from flowd.store.mapruns import Result

#: Characters of a result that are gathered for a state: far above AWS's 256 KiB, which the state's output is held to,
#: because ResultSelector, Output or ResultPath may leave little of it.
MOST_RESULT: Final = 16 * 1024 * 1024
#: Bytes after which results go on in a further file.
FILE_BYTES: Final = 64 * 1024 * 1024
_KINDS: Final = ("FAILED", "PENDING", "SUCCEEDED")


class WriterFailed(FlowdError):
    """Results could not be written; the message is the cause of States.ResultWriterFailed."""


class TooMuch(FlowdError):
    """More results than a state can have."""


def record(result: Result) -> dict[str, Any]:
    """All that is known of one child, with its input and output as JSON text."""
    row = result.row
    succeeded = row.status == "SUCCEEDED"
    found: dict[str, Any] = {"ExecutionArn": row.arn, "Input": result.input, "InputDetails": {"Included": True}}
    found["Name"] = row.name
    if result.output is not None:
        found |= {"Output": result.output, "OutputDetails": {"Included": True}}
    found |= {"Error": row.error} if row.error is not None else {}
    found |= {"Cause": row.cause} if row.cause is not None else {}
    found["RedriveCount"] = row.redrive_count
    found["RedriveStatus"] = "NOT_REDRIVABLE" if succeeded else "REDRIVABLE_BY_MAP_RUN"
    if succeeded:
        found["RedriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
    found["StartDate"] = iso8601(row.started_ms)
    found["StateMachineArn"] = row.machine_arn
    found["Status"] = row.status
    if row.stopped_ms:
        found["StopDate"] = iso8601(row.stopped_ms)
    return found


def _texts(result: Result, transformation: str) -> list[str]:
    """A child's share of the results as JSON texts."""
    if result.row.status != "SUCCEEDED" or transformation == "NONE":
        return [dumps(record(result))]
    output = result.output or "null"
    if transformation == "FLATTEN":
        value = Payload(text=output).value
        if isinstance(value, list):
            return [dumps(entry) for entry in value]
    return [output]


class StateResult:
    """Gathers the result of a state that writes no files."""

    def __init__(self, writing: Writing | None) -> None:
        self._transformation = (writing.transformation if writing else "") or "COMPACT"
        self._texts: list[str] = []
        self._size = 0

    def add(self, results: list[Result]) -> None:
        """Raises TooMuch."""
        for result in results:
            for text in _texts(result, self._transformation):
                self._texts.append(text)
                self._size += len(text) + 1
        if self._size > MOST_RESULT:
            raise TooMuch

    def finish(self) -> Payload:
        return Payload(text=f"[{','.join(self._texts)}]")


class ResultFiles:
    """Writes results as files, one kind of outcome apart from the other, and a manifest. Blocks: threads call it."""

    def __init__(self, buckets: Buckets, writing: Writing, arn: str) -> None:
        self._buckets = buckets
        self._writing = writing
        self._arn = arn
        prefix = writing.prefix.strip("/")
        self._folder = f"{prefix}/{arn.rpartition(':')[2]}" if prefix else arn.rpartition(":")[2]
        self._transformation = writing.transformation or "NONE"
        self._open: dict[str, _File] = {}
        self._done: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _KINDS}

    def check(self) -> None:
        """Raises WriterFailed if there is no such bucket: better before the first child than after the last."""
        try:
            next(self._buckets.list(self._writing.bucket, self._folder), None)
        except (NoSuchBucket, OSError) as error:
            raise WriterFailed(f"{error} (Bucket: {self._writing.bucket})") from None

    def add(self, results: list[Result]) -> None:
        """Raises WriterFailed."""
        for result in results:
            kind = "SUCCEEDED" if result.row.status == "SUCCEEDED" else "FAILED"
            for text in _texts(result, self._transformation):
                self._write(kind, text)

    def add_pending(self, inputs: list[ChildInput]) -> None:
        """Children that were never started. Raises WriterFailed."""
        for child in inputs:
            self._write("PENDING", dumps({"Input": child.input.text, "Status": "PENDING"}))

    def finish(self) -> Payload:
        """Write the manifest; the state's result. Raises WriterFailed."""
        for kind in list(self._open):
            self._close(kind)
        key = f"{self._folder}/manifest.json"
        manifest = {"DestinationBucket": self._writing.bucket, "MapRunArn": self._arn, "ResultFiles": self._done}
        try:
            with self._buckets.create(self._writing.bucket, key) as file:
                file.write(dumps(manifest).encode())
        except (OSError, NoSuchBucket, BadKey) as error:
            raise self._failed(error) from None
        details = {"Bucket": self._writing.bucket, "Key": key}
        return Payload.of({"MapRunArn": self._arn, "ResultWriterDetails": details})

    def abandon(self) -> None:
        """Leave no unfinished file behind."""
        for file in self._open.values():
            file.abandon()
        self._open.clear()

    def _write(self, kind: str, text: str) -> None:
        try:
            file = self._open.get(kind)
            if file is None:
                ending = "jsonl" if self._writing.output_type == "JSONL" else "json"
                key = f"{self._folder}/{kind}_{len(self._done[kind])}.{ending}"
                file = self._open[kind] = _File(self._buckets, self._writing.bucket, key, ending == "jsonl")
            file.add(text.encode())
            if file.size >= FILE_BYTES:
                self._close(kind)
        except (OSError, NoSuchBucket, BadKey) as error:
            raise self._failed(error) from None

    def _close(self, kind: str) -> None:
        file = self._open.pop(kind)
        try:
            file.close()
        except OSError as error:
            raise self._failed(error) from None
        self._done[kind].append({"Key": file.key, "Size": file.size})

    def _failed(self, error: Exception) -> WriterFailed:
        return WriterFailed(f"{error} (Bucket: {self._writing.bucket}, Prefix: {self._folder})")


class _File:
    """One file of results that is being written: a JSON array, or lines."""

    def __init__(self, buckets: Buckets, bucket: str, key: str, lines: bool) -> None:
        self.key = key
        self.size = 0
        self._lines = lines
        self._stack = ExitStack()
        self._file: BinaryIO = self._stack.enter_context(buckets.create(bucket, key))

    def add(self, text: bytes) -> None:
        between = b"" if self._lines else b"," if self.size else b"["
        self.size += self._file.write(between + text + (b"\n" if self._lines else b""))

    def close(self) -> None:
        if not self._lines:
            self.size += self._file.write(b"]")
        self._stack.close()

    def abandon(self) -> None:
        error = OSError("abandoned")
        self._stack.__exit__(OSError, error, None)
