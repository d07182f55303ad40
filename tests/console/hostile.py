"""A daemon all of whose texts are made to harm: markup, control sequences, characters that hide, shift or reorder."""

from __future__ import annotations

import functools
import inspect
import json
import unicodedata
from typing import Any

from textual.pilot import Pilot

from tests.console.fake import FakeDaemon
from tests.console.stories import ORDER

MARKUP = "[bold red]x[/][@click=app.quit]y[/][/][link=http://x]"
DRIVES = "\x1b[2J\x1b]8;;http://evil\x07\x1b]52;c;ZXZpbA==\x07\x1b]0;t\x1b\\\x9b31m\x90q\x9c\x85\x08\r\x7f\x0e"
HIDES = "\u202egnp.exe\u202c\u2066\u200b\u200d\u2060\ufeff\ufe0f\u2028\u2029\U000e0041"
SHIFTS = "漢字\u3000한👩\u200d👩\u200d👧👍🏽🇨🇭❤\ufe0fe\u0301\u0e33\t|\n|"
EVIL = MARKUP + DRIVES + HIDES + SHIFTS
LONG = "W" * 10_000
#: What is looked up by the fakes and by the console: it must stay what it is.
KEPT = frozenset(
    {
        "id", "kind", "status", "type", "state", "waiting", "executionArn", "stateMachineArn", "overlap", "missed",
        "stateMachineVersionArn", "expression", "timezone", "filter", "verb", "level", "databaseId", "cursor", "frame",
        "trigger", "purpose", "tasks", "promptId", "version", "format", "$schema", "target", "redriveStatus",
        "severity", "result", "fileKind", "at", "prompts", "Type", "StartAt",
    }
)  # fmt: skip
STATES = frozenset(
    "CheckOrder EachItem Reserve Label PayAndTell Charge TellCustomer BigOrder Approve Ship Done Refund NotDone "
    "Encode Backoff Load WaitForPartner".split()
)
_JSON = frozenset({"input", "output", "cause", "definition", "variables", "body", "answer"})


def evil(value: Any, key: str = "", tail: str = "") -> Any:
    """The same answer with every free text made hostile; names of states the same everywhere."""
    if isinstance(value, dict):
        return {_name(name, tail) if name in STATES else name: evil(each, name, tail) for name, each in value.items()}
    if isinstance(value, list):
        return [evil(each, key, tail) for each in value]
    if not isinstance(value, str) or not value:
        return value
    if value in STATES:
        return _name(value, tail)
    if key in KEPT or value.startswith("arn:aws:states:us-east-1:000000000000:execution"):
        return value
    if key in _JSON and value[:1] in "{[":
        found = evil(json.loads(value), "", tail)
        if key != "definition" and isinstance(found, dict):
            found[f"key {EVIL}"] = f"{EVIL}{tail}"
        return json.dumps(found)
    return f"{value}{EVIL}{tail}"


def _name(state: str, tail: str) -> str:
    return f"{state}{EVIL}{tail}"


class Evil(FakeDaemon):
    """Answers what the fake answers, poisoned. `tail` is put behind every text."""

    def __init__(self, tail: str = "") -> None:
        super().__init__()
        self.tail = tail
        self.attached = [{"who": "eva", "looksAt": "executions"}, {"who": "bob", "looksAt": "prompt 7f3a"}]
        self.remarks = {each["id"]: [{"by": "eva", "at": 1.0, "text": "hm"}] for each in self.open}
        for each in self.open:
            each["comments"] = 1

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not inspect.iscoroutinefunction(found) or name in ("watch", "close"):
            return found

        @functools.wraps(found)
        async def poisoned(*given: Any, **members: Any) -> Any:
            return evil(await found(*given, **members), "", self.tail)

        return poisoned


def strange(pilot: Pilot[int]) -> list[str]:
    """What is wrong with the screen: characters that may not be there, lines that are not as wide as it is, actions."""
    wrong: list[str] = []
    width = pilot.app.size.width
    for y, strip in enumerate(pilot.app.screen._compositor.render_strips()):
        for char in strip.text:
            if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or "\ufe00" <= char <= "\ufe0f":
                wrong.append(f"line {y}: U+{ord(char):04X} in {strip.text!r}")
                break
        if strip.cell_length != width:
            wrong.append(f"line {y}: {strip.cell_length} cells in {strip.text!r}")
        styled = [(each, each.style) for each in strip if each.style is not None]
        wrong += [f"line {y}: {each!r}" for each, style in styled if style.link or "quit" in str(style.meta)]
    return wrong


assert set(ORDER["States"]) <= STATES
