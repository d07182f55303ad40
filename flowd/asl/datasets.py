"""What an ItemReader makes of a file: items out of JSON, JSON Lines and CSV text, read piece by piece.

Pure: text in, items out, never more of the file in memory than one item and one piece. The facts about CSV (all values
are texts, missing cells are empty, cells beyond the headers are dropped, members in a hash table's order) are recorded.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, TextIO

from flowd.asl.templates import hash_order
from flowd.errors import FlowdError
from flowd.payload import InvalidJson, loads

_DELIMITERS: Final = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
_PIECE: Final = 65_536  # characters
_BLANK: Final = " \t\r\n"
_NOT_ITERABLE: Final = "Attempting to map over non-iterable node."  # recorded
_DUPLICATES: Final = "CSV headers cannot contain duplicates."  # recorded


class BadDataset(FlowdError):
    """The file holds no items of the kind its ReaderConfig promises; the message is the failure's cause."""


class Pair(dict[str, Any]):
    """An item that is a member of an object: its Key and Value."""


def file_items(text: TextIO, config: dict[str, Any], objects: bool = False) -> Iterator[Any]:
    """The items of a file, by the InputType of its ReaderConfig; with `objects` those of a JSON object are its Pairs.
    Raises BadDataset.

    `text` was opened with newline="", since line ends within the cells of a CSV file count.
    """
    kind = str(config.get("InputType", ""))
    if kind == "JSON":
        return json_items(iter(lambda: text.read(_PIECE), ""), str(config.get("ItemsPointer", "")), objects)
    if kind == "JSONL":
        return jsonl_items(text)
    if kind == "CSV":
        return csv_items(text, config)
    raise BadDataset(f"ReaderConfig's InputType must be CSV, JSON or JSONL, not '{kind}'")


def csv_items(lines: Iterable[str], config: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Rows as objects. `lines` keep their line ends; FIRST_ROW takes the headers from the first of them."""
    delimiter = _DELIMITERS.get(str(config.get("CSVDelimiter", "COMMA")))
    if delimiter is None:
        raise BadDataset(f"CSVDelimiter must be one of {', '.join(_DELIMITERS)}")
    rows = (row for row in csv.reader(lines, delimiter=delimiter) if row)
    try:
        headers = next(rows, []) if config.get("CSVHeaderLocation") == "FIRST_ROW" else _given_headers(config)
        if len(set(headers)) < len(headers):
            raise BadDataset(_DUPLICATES)
        place = {name: index for index, name in enumerate(headers)}
        order = [(name, place[name]) for name in hash_order(headers)]
        for row in rows:
            yield {name: row[index] if index < len(row) else "" for name, index in order}
    except csv.Error as error:
        raise BadDataset(f"The CSV file cannot be read: {error}") from None


def _given_headers(config: dict[str, Any]) -> list[str]:
    headers = config.get("CSVHeaders")
    if config.get("CSVHeaderLocation") != "GIVEN" or not isinstance(headers, list):
        raise BadDataset("A CSV file needs CSVHeaderLocation FIRST_ROW, or GIVEN together with CSVHeaders")
    return [str(header) for header in headers]


def jsonl_items(lines: Iterable[str]) -> Iterator[Any]:
    """One item per line; empty lines are no items."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield loads(line)
            except InvalidJson as error:
                raise BadDataset(f"Line {number} is not JSON: {error}") from None


def json_items(pieces: Iterator[str], pointer: str = "", objects: bool = False) -> Iterator[Any]:
    """The entries of the array, or object, at `pointer` (a JSON Pointer, "" is the whole document), one at a time."""
    text = _Text(pieces)
    try:
        for step in _steps(pointer):
            _descend(text, step, pointer)
        if text.peek() == "{" and objects:
            yield from _pairs(text)
        elif text.peek() == "[":
            yield from _entries(text)
        else:
            raise BadDataset(_NOT_ITERABLE)
        if not pointer and text.peek():
            raise BadDataset("The JSON file goes on after its items")
    except RecursionError:
        raise BadDataset("The JSON file cannot be read: an item of it is nested too deeply") from None
    except ValueError as error:
        raise BadDataset(f"The JSON file cannot be read at character {text.place:,}: {error}") from None


def _steps(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise BadDataset(f"ItemsPointer must be a JSON Pointer, which begins with a slash: '{pointer}'")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _descend(text: _Text, step: str, pointer: str) -> None:
    """Go to member or entry `step` of the value that begins here."""
    kind = text.peek()
    if kind == "{":
        text.take("{")
        while text.peek() != "}":
            name = text.value()
            text.take(":")
            if name == step:
                return
            text.value()
            if text.peek() == ",":
                text.take(",")
    elif kind == "[":
        for number, _ in enumerate(_openings(text)):
            if str(number) == step:
                return
            text.value()
    raise BadDataset(f"ItemsPointer '{pointer}' points to nothing in the file")


def _openings(text: _Text, begin: str = "[", end: str = "]") -> Iterator[None]:
    """Stops before each entry of the array, or object, that begins here; the caller takes the entry."""
    text.take(begin)
    while text.peek() != end:
        yield
        if text.peek() == ",":
            text.take(",")
            if text.peek() == end:
                raise ValueError("an entry is missing after a comma")
        elif text.peek() != end:
            raise ValueError(f"',' or '{end}' is missing")
    text.take(end)


def _entries(text: _Text) -> Iterator[Any]:
    for _ in _openings(text):
        yield text.value()


def _pairs(text: _Text) -> Iterator[Pair]:
    for _ in _openings(text, "{", "}"):
        key = text.value()
        if not isinstance(key, str):
            raise ValueError("the name of a member must be a text")
        text.take(":")
        yield Pair(Key=key, Value=text.value())


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


class _Text:
    """JSON text that arrives in pieces. What was taken is forgotten."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._buffer = ""
        self._at = 0
        self._forgotten = 0  # characters before the buffer
        self._ended = False
        self._decode = json.JSONDecoder(parse_constant=_no_number).raw_decode

    @property
    def place(self) -> int:
        """Where in the text it stands, from 1."""
        return self._forgotten + self._at + 1

    def peek(self) -> str:
        """The next character that is not blank, "" at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in _BLANK:
                    return self._buffer[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise ValueError(f"'{wanted}' is missing")
        self._at += 1

    def value(self) -> Any:
        """The whole value that begins here."""
        self.peek()
        while True:
            try:
                found, end = self._decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                # Not a value, or not all of it yet: the buffer doubles, so that a large value is tried few times.
                read = error.pos - self._at
                if not self._more(len(self._buffer) - self._at):
                    self._at += read
                    raise ValueError(error.msg if self._buffer[self._at :] else "the text ends") from None
                continue
            if not self._buffer[end:].strip(".eE+-") and self._more():  # a number may go on in the next piece
                continue
            self._at = end
            return found

    def _more(self, least: int = 1) -> bool:
        """Read at least so many more characters; False if there are none."""
        if self._ended:
            return False
        got = [self._buffer[self._at :]]
        size = 0
        while size < max(least, 1):
            piece = next(self._pieces, None)
            if piece is None:
                self._ended = True
                break
            got.append(piece)
            size += len(piece)
        self._forgotten += self._at
        self._buffer, self._at = "".join(got), 0
        return size > 0
