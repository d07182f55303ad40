"""Two texts compared, line by line: what is gone is red with a `-`, what is new green with a `+`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.widget import Widget

from console.actions import bindings
from console.client import Item
from console.looks import Span
from console.screens.shell import Shell
from console.text import block, clean, clip, count_of
from console.widgets.paint import LineView

_TONES = {"+": "ok", "-": "bad", "?": "faint", "@": "accent"}


def diff_lines(old: str, new: str) -> list[Span]:
    """The changes with three lines around each; one line that says so if there are none."""
    found = list(difflib.unified_diff(block(old), block(new), lineterm="", n=3))[2:]
    return [Span(line, _TONES.get(line[:1], "dim")) for line in found] or [Span("the two are the same", "dim")]


class DiffLines(LineView):
    """Lines in the colours of a diff."""

    DEFAULT_CSS = "DiffLines { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }"

    def __init__(self, lines: Sequence[Span]) -> None:
        super().__init__()
        self._lines = lines

    def length(self) -> int:
        return len(self._lines)

    def spans(self, index: int, width: int) -> Sequence[Span]:
        line = self._lines[index]
        return [Span(clip(line.text, width), line.tone)]


class TextDiff(Shell):
    NAME = "versions"
    BINDINGS = bindings("versions")
    KINDS: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, old_name: str, old: str, new_name: str, new: str) -> None:
        super().__init__()
        self._named = f"{clean(old_name)} › {clean(new_name)}"
        self._lines = diff_lines(old, new)

    def crumbs(self) -> Sequence[str]:
        return ("flowd", "deploys", self._named)

    def facts(self) -> Sequence[Span]:
        gone = sum(line.tone == "bad" for line in self._lines)
        new = sum(line.tone == "ok" for line in self._lines)
        return [Span(f"+ {count_of(new, 'line')}", "ok"), Span(f"  - {count_of(gone, 'line')}", "bad")]

    def body(self) -> Iterable[Widget]:
        yield DiffLines(self._lines)

    def opened(self) -> None:
        self.query_one(DiffLines).focus()


def indented(definition: str) -> str:
    """A definition as text that can be compared line by line."""
    return json.dumps(json.loads(definition), indent=2, ensure_ascii=False)


async def show_versions(shell: Shell, old: Item, new: Item) -> None:
    """Two published versions of a machine, as ListDeploys tells of them, side by side."""
    texts, names = [], []
    for item in (old, new):
        definition = (await shell.host.daemon.machine(item["stateMachineVersionArn"]))["definition"]
        texts.append(indented(definition))
        names.append(f"{item['stateMachineName']} v{item['version']}")
    if old["stateMachineName"] == new["stateMachineName"]:
        names[1] = f"v{new['version']}"
    shell.app.push_screen(TextDiff(names[0], texts[0], names[1], texts[1]))
