"""The clients that the tables are called with: boto3 in this process, the AWS CLI and the SDK for Node beside it.

They are used as their users use them: each finds daemon, region and keys in the environment of `flowd env`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol
from unittest.mock import patch

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from tests.clients.rows import At, Row

STRANGER: Final = {"AWS_ACCESS_KEY_ID": "AKIANOBODY", "AWS_SECRET_ACCESS_KEY": "nobody"}
HERE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Answer:
    """`code` is what the client calls the error ("": none), `members` the answer as JSON. `modelled`: the client raised
    the class that the service's model has for it; None where a client has no such classes."""

    code: str = ""
    message: str = ""
    status: int = 0
    modelled: bool | None = None
    members: Mapping[str, Any] = field(default_factory=dict)


class Caller(Protocol):
    """One client."""

    def call(self, row: Row, members: dict[str, Any]) -> Answer: ...

    def close(self) -> None: ...


class Boto3:
    """boto3 as it is installed here."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._clients: dict[tuple[str, bool], Any] = {}

    def client(self, service: str, *, stranger: bool = False) -> Any:
        """Made when it is wanted: making one takes longer than most calls."""
        if (service, stranger) not in self._clients:
            with patch.dict(os.environ, {**self._environ, **(STRANGER if stranger else {})}):
                config = Config(retries={"total_max_attempts": 1}, read_timeout=70)
                self._clients[service, stranger] = boto3.Session().client(service, config=config)
        return self._clients[service, stranger]

    def call(self, row: Row, members: dict[str, Any]) -> Answer:
        client = self.client(row.service, stranger=row.stranger)
        try:
            found = getattr(client, xform_name(row.operation))(**_values(members))
        except ClientError as error:
            said = error.response["Error"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            kind = type(error)
            code = str(said["Code"]) if kind is ClientError else kind.__name__
            return Answer(code, str(said.get("Message", "")), status, kind is not ClientError)
        status = found.pop("ResponseMetadata")["HTTPStatusCode"]
        return Answer(status=status, members=json.loads(json.dumps(found, default=_plain)))

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


class AwsCli:
    """The AWS CLI: what `aws` does with its words, in one process of the CLI's own Python (words.py)."""

    NAMES: Final = {"s3": "s3api"}
    _SAID = re.compile(r"An error occurred \((\S+)\) when calling the (\w+) operation[^:]*: ?(.*)", re.DOTALL)

    def __init__(self, python: str, environ: Mapping[str, str]) -> None:
        self._environ = {**environ, "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": ""}
        self._folder = tempfile.TemporaryDirectory()
        self._models = Session()
        self._process = _told([python, str(HERE / "words.py")], self._environ)

    def call(self, row: Row, members: dict[str, Any]) -> Answer:
        operation = self._models.get_service_model(row.service).operation_model(row.operation)
        folder = Path(self._folder.name)
        outfile = folder / "out"
        outfile.unlink(missing_ok=True)
        words = [self.NAMES.get(row.service, row.service), xform_name(row.operation, "-")]
        shape = operation.input_shape
        payload = shape.serialization.get("payload") if shape is not None else None
        if payload in members and isinstance(members[payload], bytes):
            file = folder / "in"
            file.write_bytes(members.pop(payload))
            streamed = shape.members[payload].serialization.get("streaming")
            words += [f"--{xform_name(payload, '-')}", str(file) if streamed else f"fileb://{file}"]
        streams = operation.has_streaming_output or (row.service, row.operation) == ("lambda", "Invoke")
        if streams:  # its words are wanted one by one
            words += [word for name, value in members.items() for word in (f"--{xform_name(name, '-')}", str(value))]
            words.append(str(outfile))
        else:
            words += ["--cli-input-json", json.dumps(members, default=self._plain)]
        if row.service == "sqs":  # what docs/integrations/sqs.md says of version 1
            words += ["--endpoint-url", self._environ["AWS_ENDPOINT_URL_SQS"]]
        done = _ask(self._process, {"words": words, "environ": STRANGER if row.stranger else {}})
        if done["code"] == 0:
            found = json.loads(done["out"]) if done["out"].strip() else {}
            if streams:
                assert operation.output_shape is not None
                name = operation.output_shape.serialization["payload"]
                found[name] = outfile.read_bytes().decode("utf-8", "replace")
            return Answer(members=found)
        said = self._SAID.search(done["err"])
        return (
            Answer(said[1], said[3].strip()) if said else Answer("CLI", done["err"].strip() or f"exit {done['code']}")
        )

    @staticmethod
    def _plain(value: Any) -> Any:
        if isinstance(value, At):
            return value.seconds
        return value.decode("latin-1")

    def close(self) -> None:
        _end(self._process)
        self._folder.cleanup()


class Node:
    """The AWS SDK for JavaScript, version 3: one process that is told of calls line by line (calls.mjs)."""

    def __init__(self, modules: Path, environ: Mapping[str, str]) -> None:
        # Node looks for modules beside the script; several test processes may have one there.
        self._script = modules.parent / f"flowd-calls-{os.getpid()}.mjs"
        self._script.write_text((HERE / "calls.mjs").read_text())
        self._process = _told(["node", str(self._script)], environ)

    def call(self, row: Row, members: dict[str, Any]) -> Answer:
        keys = STRANGER if row.stranger else {}
        asked = {"service": row.service, "operation": row.operation, "members": members, "keys": keys}
        return Answer(**_ask(self._process, json.loads(json.dumps(asked, default=self._plain))))

    @staticmethod
    def _plain(value: Any) -> Any:
        if isinstance(value, At):
            return {"$time": value.seconds}
        return {"$bytes": base64.b64encode(value).decode()}

    def close(self) -> None:
        _end(self._process)
        self._script.unlink()


def _told(words: list[str], environ: Mapping[str, str]) -> subprocess.Popen[str]:
    """A program that takes a line of JSON and answers with one, again and again."""
    return subprocess.Popen(words, env=dict(environ), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _ask(process: subprocess.Popen[str], asked: Mapping[str, Any]) -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def _end(process: subprocess.Popen[str]) -> None:
    """It has no more lines to read, which ends it."""
    process.communicate(timeout=10)


def _values(value: Any) -> Any:
    """As boto3 wants them."""
    if isinstance(value, At):
        return datetime.fromtimestamp(value.seconds, UTC)
    if isinstance(value, dict):
        return {name: _values(inner) for name, inner in value.items()}
    return [_values(inner) for inner in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """As JSON."""
    if isinstance(value, datetime):
        return value.isoformat()
    data = value if isinstance(value, bytes) else value.read()
    return data.decode("utf-8", "replace")
