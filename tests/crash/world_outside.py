"""What stands around a box while it is killed: a web server, the readers of its queues, and who answers tokens.

They outlive the daemon and count what reached them. A message that is read twice is one message: ids are counted.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from tests.crash.real_box import Box

ONE_TRY: dict[str, Any] = {"retries": {"total_max_attempts": 1}, "connect_timeout": 5, "read_timeout": 20}
ABSENT_S = 0.2  # until one looks again for a daemon that is not there
QUEUES = ("sent", "told", "heard")


class Web(ThreadingHTTPServer):
    """Notes the tag of each request, takes its time, and says yes."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.seen: list[dict[str, str]] = []

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Answer until the end of the block."""
        thread = threading.Thread(target=self.serve_forever)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Page(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = json.loads(body) if body else {}
        tag = parse_qs(urlsplit(self.path).query).get("tag", [given.get("SecretId", "")])[0]
        note = {"tag": tag, "token": given.get("token", "")}
        if self.command == "POST":
            self.server.seen.append(note)
        time.sleep(0.03)
        answer = b"{}"
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            pass  # whoever asked was killed

    do_POST = do_GET

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


class Outside:
    """Everything of it; `told` has what arrived, by place."""

    def __init__(self, box: Box, web: Web, book: Path, urls: dict[str, str]) -> None:
        self._box = box
        self._web = web
        self._book = book
        self._urls = urls
        self._messages: dict[str, dict[str, dict[str, str]]] = {name: {} for name in QUEUES}
        self._sdk = box.client(**ONE_TRY)
        self._over = threading.Event()
        self._answered: set[str] = set()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Read and answer until the end of the block."""
        jobs: list[Callable[[], None]] = [self._answer, *(self._reader(name) for name in QUEUES)]
        threads = [threading.Thread(target=self._keep_at, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def arrived(self, place: str) -> list[str]:
        """The tags of what reached a place."""
        return [note["tag"] for note in self._notes(place)]

    def _notes(self, place: str) -> list[dict[str, str]]:
        if place == "web":
            return list(self._web.seen)
        if place == "book":
            lines = self._book.read_text().splitlines() if self._book.exists() else []
            return [dict(zip(("tag", "token"), (*line.split(), ""), strict=False)) for line in lines]
        return list(self._messages[place].values())

    def _keep_at(self, job: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                job()
            except (ClientError, BotoCoreError):  # nobody there just now
                time.sleep(ABSENT_S)

    def _reader(self, name: str) -> Callable[[], None]:
        sqs = self._box.client("sqs", **ONE_TRY)

        def read() -> None:
            asked = {"QueueUrl": self._urls[name], "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
            messages = sqs.receive_message(**asked).get("Messages", ())
            for message in messages:
                body = message["Body"]
                note = json.loads(body) if body.startswith("{") else {"tag": body}
                self._messages[name][message["MessageId"]] = note
            done = [{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"]} for m in messages]
            if done:
                sqs.delete_message_batch(QueueUrl=self._urls[name], Entries=done)

        return read

    def _answer(self) -> None:
        """Every token once; an answer that was lost on its way is said again."""
        notes = [note for place in ("web", "book", *QUEUES) for note in self._notes(place)]
        for token in {note["token"] for note in notes if note.get("token")} - self._answered:
            try:
                self._sdk.send_task_success(taskToken=token, output='"ok"')
            except ClientError as error:
                # Its answer was taken before, or its attempt is over: it failed as lost.
                if error.response["Error"]["Code"] != "TaskTimedOut":
                    raise
            self._answered.add(token)
        time.sleep(0.02)
