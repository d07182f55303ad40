"""Events as rows, and one event as a document: texts that hold JSON are opened up. Pure."""

from __future__ import annotations

from typing import Any

from console.columns import Column
from console.journal import details_of, message_of
from console.jsonlines import parse
from console.looks import Span
from console.rows import Item, Now, Sheet
from console.text import block, clean, clock

_TONES = (
    ("Failed", "bad"), ("TimedOut", "late"), ("Aborted", "stop"), ("ExecutionSucceeded", "ok"), ("Redriven", "accent"),
    ("StateEntered", "bold"), ("StateExited", "dim"),
)  # fmt: skip


def tone_of(kind: str) -> str:
    return next((tone for ending, tone in _TONES if kind.endswith(ending)), "")


def is_failure(kind: str) -> bool:
    return kind.endswith(("Failed", "TimedOut", "Aborted"))


def event_cells(item: Item, now: Now) -> list[Span]:
    """`item["state"]` is added by the screen, see `journal.state_of`."""
    tone = tone_of(item["type"])
    return [
        Span(str(item["id"]), "dim"),
        Span(clock(item["timestamp"], now.zone), "dim"),
        Span(clean(item["type"]), tone),
        Span(clean(item.get("state", ""))),
        Span(_told(item), tone if is_failure(item["type"]) else "dim"),
    ]


def _told(item: Item) -> str:
    """The one thing worth reading about an event."""
    details = details_of(item)
    error, cause = details.get("error"), details.get("cause")
    if error or cause:
        return clean(": ".join(str(text) for text in (error, message_of(cause)) if text), 400)
    if item.get("redriveCount") or "redriveCount" in details:
        return f"redrive {details.get('redriveCount', '')}"
    for member in ("resource", "workerName", "length", "index"):
        if member in details:
            word = {"length": "items ", "index": "item ", "workerName": "by "}.get(member, "")
            return word + clean(details[member], 200).rpartition("arn:aws:")[2]
    return " ".join(clean(details.get("output") or details.get("input") or "", 200).split())


EVENTS = Sheet(
    (
        Column("id", 5, right=True),
        Column("time", 12),
        Column("event", 20, 28),
        Column("state", 14, 32),
        Column("", 8, 90),
    ),
    event_cells,
    lambda item: str(item["id"]),
)


def document(item: Item) -> dict[str, Any]:
    """The event with its details on top and the JSON texts in them as values."""
    rest = {
        name: value for name, value in item.items() if name not in ("state", "type") and not isinstance(value, dict)
    }
    return {"type": item["type"], **_opened(details_of(item)), **rest}


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _opened(member) for name, member in value.items()}
    return opened(value)


def opened(value: Any) -> Any:
    """The value in a text that is a JSON object or list; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        parsed, wrong = parse(value)
        return value if wrong else parsed
    return value


def result_document(execution: Item) -> dict[str, Any]:
    """Input, output, error and cause of an execution, those that exist."""
    wanted = ("error", "cause", "output", "input")
    return {name: _document(execution[name]) for name in wanted if execution.get(name) is not None}


def _document(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    parsed, wrong = parse(text)
    return text if wrong else parsed


def output_lines(outputs: list[Item], now: Now) -> list[tuple[str, str]]:
    """What tasks printed, as lines of text and tone, each attempt under a title of its own."""
    lines: list[tuple[str, str]] = []
    for output in outputs:
        if lines:
            lines.append(("", ""))
        title = f"── {clean(output['state'])} · attempt {output['attempt']} · {clock(output['at'], now.zone)} ──"
        lines.append((title, "accent"))
        text = block(output["text"].removesuffix("\n"))
        lines += [(line, "") for line in text]
        if output.get("truncated"):
            lines.append(("… cut here, the output was longer than what is kept", "late"))
    return lines
