"""The aliases of one state machine: names that programs start it by, and the one or two versions behind each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from console import list_rows
from console.actions import bindings
from console.client import Item, RemoteError
from console.looks import Span
from console.messages import Opened
from console.rows import Sheet
from console.screens.dialogs import Ask, Fill
from console.screens.listing import ListScreen
from console.text import clean

_ROUTE = re.compile(r"v?(\d+)(?::(\d+)%?)?")


def routes_of(text: str, machine: str) -> list[Item]:
    """`9`, or `9:90 8:10`, as AWS wants it. RemoteError that says how it is written."""
    found = [_ROUTE.fullmatch(word) for word in text.replace(",", " ").split()]
    if not found or not all(found):
        raise RemoteError("not versions", f"'{clean(text)}': write one like 9, or two with shares like 9:90 8:10")
    shares = [(int(route[1]), int(route[2] or 100)) for route in found if route is not None]
    return [{"stateMachineVersionArn": f"{machine}:{version}", "weight": share} for version, share in shares]


class AliasesScreen(ListScreen):
    NAME = "aliases"
    BINDINGS = bindings("aliases")
    KINDS: ClassVar[frozenset[str]] = frozenset({"machine"})
    SHEET: ClassVar[Sheet] = list_rows.ALIASES
    EMPTY = "no aliases\n\nN makes one: programs that start machine:ALIAS get the version it leads to"

    def __init__(self, machine: Item) -> None:
        super().__init__()
        self.machine = machine

    def crumbs(self) -> Sequence[str]:
        return ("flowd", "machines", clean(self.machine["name"]), "aliases")

    def facts(self) -> Sequence[Span]:
        version = self.machine.get("version")
        return [Span(f"latest version v{version}" if version else "no version is published", "dim")]

    async def fetch(self) -> list[Item]:
        arn = self.machine["stateMachineArn"]
        every = await self.host.daemon.machines()
        self.machine = next((each for each in every if each["stateMachineArn"] == arn), self.machine)
        return list(self.machine.get("aliases") or ())

    def lines(self, item: Item) -> list[list[Span]]:
        arn = f"{self.machine['stateMachineArn']}:{item['name']}"
        return [[Span(clean(arn)), Span(f"  {clean(item.get('description') or '')}", "dim")]]

    def on_opened(self, event: Opened) -> None:
        event.stop()
        self.call_later(self.action_do, "change")

    async def do_change(self) -> None:
        """Other versions, or other shares of starts."""
        item = self.item() or {}
        now = " ".join(f"{route['version']}:{route['weight']}" for route in item["routing"])
        await self._fill(f"Where {clean(item['name'])} leads", item["name"], now, item.get("description") or "")

    async def do_create(self) -> None:
        if not self.machine.get("version"):
            self.say("an alias leads to a published version, and this machine has none", bad=True)
            return
        await self._fill(f"A new alias of {clean(self.machine['name'])}", "", f"{self.machine['version']}", "")

    async def _fill(self, title: str, name: str, versions: str, description: str) -> None:
        arn, call = str(self.machine["stateMachineArn"]), self.host.daemon.states

        async def send(text: str, entries: dict[str, str]) -> None:
            routes = routes_of(entries["versions"], arn)
            told: dict[str, Any] = {"routingConfiguration": routes, "description": entries["description"]}
            if name:
                await call("UpdateStateMachineAlias", stateMachineAliasArn=f"{arn}:{name}", **told)
            else:
                await call("CreateStateMachineAlias", name=entries["name"], **told)

        entries = (*([] if name else [("name", "")]), ("versions", versions), ("description", description))
        lines = [[Span("one version like 9, or two that share the starts, like 9:90 8:10 (in percent)", "dim")]]
        hints = {"name": "what programs write behind the machine's ARN"}
        if await self.app.push_screen_wait(Fill(title, "save", send, entries=entries, lines=lines, hints=hints)):
            self.say("new starts go where it leads; executions that run stay as they are")
            self.reload()

    async def do_delete(self) -> None:
        item = self.item() or {}
        lines = [[Span("starts by this name are refused from then on; what it has started goes on", "dim")]]
        if await self.app.push_screen_wait(Ask(f"Delete the alias {clean(item['name'])}?", lines, "delete it")):
            arn = f"{self.machine['stateMachineArn']}:{item['name']}"
            await self.host.daemon.states("DeleteStateMachineAlias", stateMachineAliasArn=arn)
            self.say(f"{clean(item['name'])} is deleted")
            self.reload()

    def do_copy(self) -> None:
        self.host.copy_text(f"{self.machine['stateMachineArn']}:{(self.item() or {})['name']}", "the alias' ARN")
