"""The state machines, what was refused in the drop folder, and one machine with its definition."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input

from console import places, rows
from console.actions import bindings
from console.client import Item, RemoteError
from console.graph.story import Story
from console.inspector import inspect_lines
from console.journal import Journal
from console.looks import Span
from console.messages import Chosen
from console.outline import outline
from console.screens.aliases import AliasesScreen
from console.screens.dialogs import Fill
from console.screens.editing import edit_machine
from console.screens.executions import ExecutionsScreen
from console.screens.listing import ListScreen
from console.screens.shell import Shell
from console.screens.textdiff import show_versions
from console.screens.verbs import definition_of
from console.text import clean, count_of, moment
from console.widgets.bars import Facts, tab_spans
from console.widgets.graph import GraphView
from console.widgets.jsonview import JsonView
from console.widgets.outline import OutlineView
from console.widgets.panel import Panel

EMPTY = "no state machines yet\n\nput NAME.asl.json, NAME.asl.yaml or a SAM template into the workflows folder"


def listed(machines: Sequence[Item], files: Sequence[Item]) -> list[Item]:
    """Refused files first, then the machines by name. A machine whose file was refused keeps its last good version."""
    refused = [file for file in files if file["status"] == "rejected"]
    return [*sorted(refused, key=lambda f: str(f["path"])), *sorted(machines, key=lambda m: str(m["name"]).lower())]


def diagnostic_lines(file: Item, most: int = 5) -> list[list[Span]]:
    """`orders.asl.json:41:9  MISSING_TRANSITION_TARGET  message` for every complaint about a file."""
    lines = []
    for told in (file.get("diagnostics") or [])[:most]:
        warning = str(told.get("severity", "")).upper() == "WARNING"
        where = f"{clean(file['path'])}:{rows.place(told)}".rstrip(":")
        lines.append(
            [
                Span("! " if warning else "✗ ", "late" if warning else "bad"),
                Span(where, "bold"),
                Span(f"  {clean(told.get('code', ''))}  ", "late" if warning else "bad"),
                Span(clean(told.get("message", ""))),
            ]
        )
    left = len(file.get("diagnostics") or []) - most
    return [*lines, [Span(f"… and {left} more", "dim")]] if left > 0 else lines


class MachineVerbs(Shell):
    """Start, executions, copy; the screen's `item` is the machine."""

    async def do_start(self) -> None:
        machine = self.item() or {}
        started: list[str] = []

        async def send(text: str, entries: dict[str, str]) -> None:
            answer = await self.host.daemon.start(machine["stateMachineArn"], text, entries["name"])
            started.append(answer["executionArn"])

        title = f"Start {clean(machine['name'])}"
        await self.app.push_screen_wait(Fill(title, "start", send, text="{}", entries=(("name", ""),)))
        if started:
            self.host.show_execution(started[0], started[0].rpartition(":")[2])

    def do_executions(self) -> None:
        machine = self.item() or {}
        name = str(machine["name"])
        self.app.push_screen(ExecutionsScreen(f'machine:"{name}"' if " " in name else f"machine:{name}"))

    def do_versions(self) -> None:
        self.app.push_screen(places.versions(str((self.item() or {})["name"])))

    async def do_diff(self) -> None:
        """The last version and the one before."""
        name = str((self.item() or {})["name"])
        deploys = (await self.host.daemon.ask("ListDeploys", limit=500))["deploys"]
        found = sorted((each for each in deploys if each["stateMachineName"] == name), key=lambda each: each["version"])
        if len(found) > 1:
            await show_versions(self, found[-2], found[-1])
        else:
            self.say(f"{clean(name)} has one version, there is nothing to compare it with")

    def do_aliases(self) -> None:
        self.app.push_screen(AliasesScreen(self.item() or {}))

    async def do_pause(self) -> None:
        """Pause or resume what starts the machine by itself; what the first schedule needs is done to all of them."""
        plans = (self.item() or {})["schedules"]
        verb, word = ("Pause", "paused") if plans[0]["state"] == "ENABLED" else ("Resume", "on again")
        names = (await self.host.daemon.ask(f"{verb}Schedules", names=[plan["name"] for plan in plans]))["names"]
        self.say(f"{count_of(len(names), 'schedule')} {word}; what runs goes on")
        self.reload()

    async def do_undeploy(self) -> None:
        machine = self.item() or {}
        name = clean(machine["name"])
        running = (machine.get("counts") or {}).get("RUNNING", 0)

        async def send(text: str, entries: dict[str, str]) -> None:
            if entries["name"] != name:
                raise RemoteError("not its name", f"to delete it, type {name}")
            await self.host.daemon.states("DeleteStateMachine", stateMachineArn=machine["stateMachineArn"])

        lines = [
            [Span("nothing can start it then; what it has done stays in the list", "dim")],
            [Span(f"{count_of(running, 'execution')} of it still run, to their end" if running else "none of it runs")],
        ]
        told, hints = f"Undeploy {name}, with its versions and aliases?", {"name": name}
        if await self.app.push_screen_wait(
            Fill(told, "delete it", send, entries=(("name", ""),), lines=lines, hints=hints)
        ):
            self.say(f"{name} is deleted")
            self.after_undeploy()

    def after_undeploy(self) -> None:
        self.reload()

    async def do_definition_file(self) -> None:
        await edit_machine(self, self.item() or {})
        self.reload()

    def do_copy(self) -> None:
        machine = self.item() or {}
        self.host.copy_text(str(machine.get("stateMachineArn") or machine.get("path")), "the ARN")


class MachinesScreen(MachineVerbs, ListScreen):
    NAME = "machines"
    BINDINGS = bindings("machines")
    KINDS: ClassVar[frozenset[str]] = frozenset({"machine", "file", "execution"})
    SHEET: ClassVar[rows.Sheet] = rows.MACHINES
    EMPTY = EMPTY

    def __init__(self) -> None:
        super().__init__()
        self.files: list[Item] = []

    def facts(self) -> Sequence[Span]:
        if not self.loaded:
            return ()
        refused = sum("diagnostics" in item for item in self.items)
        told = [Span(count_of(len(self.items) - refused, "machine"))]
        return [*told, Span(f" · ✗ {count_of(refused, 'file')} rejected", "bad")] if refused else told

    async def fetch(self) -> list[Item]:
        self.files = await self.host.daemon.files()
        return listed(await self.host.daemon.machines(), self.files)

    def lines(self, item: Item) -> list[list[Span]]:
        if "diagnostics" in item:
            return diagnostic_lines(item)
        now = self.host.now()
        warned = next((f for f in self.files if f["path"] == item.get("source") and f.get("diagnostics")), None)
        told = f"  updated {moment(item['updatedAt'], *now)}  from {clean(item.get('source') or item['owner'])}"
        return [[Span(clean(item["name"]), "bold"), Span(told, "dim")], *(diagnostic_lines(warned) if warned else [])]

    def do_open(self) -> None:
        item = self.item()
        if item is not None and "stateMachineArn" in item:
            self.app.push_screen(MachineScreen(item))
        elif item is not None:
            self.say(f"{clean(item['path'])} was rejected: e opens it, and it is read again as soon as it changes")


#: The views of one machine: what has the focus in each, and what it is called.
VIEWS = {"states": ("#outline", "states"), "graph": ("#graph", "graph"), "text": ("#text", "definition")}


class MachineScreen(MachineVerbs):
    """One machine: its outline, its graph, or its text."""

    NAME = "machine"
    BINDINGS = bindings("machine")
    KINDS: ClassVar[frozenset[str]] = frozenset({"machine"})

    def __init__(self, machine: Item) -> None:
        super().__init__()
        self.machine = machine

    def body(self) -> Iterable[Widget]:
        yield Facts(id="tabs")
        with ContentSwitcher(initial="states"):
            with Vertical(id="states"):
                yield OutlineView(self.host.now, id="outline", empty="reading …", timed=False)
                yield Panel(id="inspect")
            yield GraphView(id="graph")
            yield JsonView(id="text")
        yield Input(id="filter", compact=True, placeholder="find")

    def crumbs(self) -> Sequence[str]:
        return ("flowd", "machines", clean(self.machine["name"]))

    def facts(self) -> Sequence[Span]:
        version = f"v{self.machine['version']}  " if self.machine.get("version") else ""
        return [Span(f"{version}{clean(self.machine['type']).lower()}  ", "dim"), *self._counts()]

    def _counts(self) -> list[Span]:
        return rows.counts_line(self.machine.get("counts") or {})

    def item(self) -> Item | None:
        return self.machine

    def after_undeploy(self) -> None:
        self.dismiss()

    def opened(self) -> None:
        self._show("states")

    async def load(self) -> None:
        arn = self.machine["stateMachineArn"]
        self.machine = next((m for m in await self.host.daemon.machines() if m["stateMachineArn"] == arn), self.machine)
        described = await self.host.daemon.machine(arn)
        definition: Any = definition_of(described)
        self.query_one(OutlineView).show_rows(outline(definition, Journal()), (0, 1))
        self.query_one(GraphView).show_graph(definition, Story())
        self.query_one("#text", JsonView).show_text(json.dumps(definition, ensure_ascii=False))
        self.on_moved()

    def on_moved(self) -> None:
        row = self.query_one(OutlineView).row
        lines = inspect_lines(row, {}, self.host.now())[:1] if row is not None else []
        if row is not None and row.type:
            self.query_one(GraphView).select(row.path)
        self.query_one(Panel).show_lines(lines)

    def do_view_states(self) -> None:
        self._show("states")

    def do_view_graph(self) -> None:
        self._show("graph")

    def do_view_text(self) -> None:
        self._show("text")

    def _show(self, view: str) -> None:
        self.query_one(ContentSwitcher).current = view
        self.query_one(VIEWS[view][0]).focus()
        tabs = [tab_spans(key, word, name == view) for key, (name, (_, word)) in enumerate(VIEWS.items(), 1)]
        self.query_one("#tabs", Facts).say(*(span for tab in tabs for span in tab))

    def on_chosen(self, event: Chosen) -> None:
        """What is selected in the graph is selected in the outline."""
        event.stop()
        outlined = self.query_one(OutlineView)
        outlined.cursor = next((i for i, row in enumerate(outlined.rows) if row.path == event.state), outlined.cursor)

    def do_filter(self) -> None:
        self._show("text")
        box = self.query_one("#filter", Input)
        box.add_class("-open")
        box.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.input.remove_class("-open")
        view = self.query_one("#text", JsonView)
        view.focus()
        self.say(count_of(view.search(event.value), "hit"))

    def do_back(self) -> None:
        box = self.query_one("#filter", Input)
        if box.has_class("-open"):
            box.remove_class("-open")
            self.query_one("#text").focus()
        else:
            super().do_back()
