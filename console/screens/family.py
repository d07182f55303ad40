"""Ways on from the selected state: fork, run again, resolve by hand, retry now, test. Each says first what will run.

Nothing is decided here: the daemon plans and refuses; what it would run is shown before it is asked to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from console.client import Item
from console.jsonlines import flatten, parse
from console.jsonlines import spans as json_spans
from console.looks import STATE_TYPE, Span
from console.screens.dialogs import Ask, Fill, Tell
from console.screens.moving import ExecutionMoves
from console.screens.verbs import pretty
from console.stages import stages, variables_before
from console.text import clean, count_of

SHOWN = 12
_REASON = (("reason", ""),)
_FOR_REAL = "this one state runs for real, once, outside of any execution: what its task does is done"


class StateVerbs(ExecutionMoves):
    """The verbs of the screen of one execution that go on from a state."""

    # -- fork and run again

    async def do_fork(self) -> None:
        """A new execution that begins at the selected state, or at the container it is in."""
        if self.row is not None:
            outer, *inner = self.selected
            here, where = clean(self.row.label), clean(outer)
            told = f"! {here} is inside of {where}; a fork begins at an outermost state, so all of {where} runs"
            await self._fork({"state": outer}, f"at {where}", [[Span(told, "late")]] if inner else ())

    async def do_edit(self) -> None:
        """The same definition from its start, with an edited input."""
        await self._fork({}, "from its start")

    async def _fork(self, members: dict[str, str], where: str, told: Sequence[Sequence[Span]] = ()) -> None:
        item = self.item() or {}
        arn, daemon = item["executionArn"], self.host.daemon
        blank = {"input": "{}"} if members and not self.known.visits(self.selected[:1]) else {}
        plan = await daemon.fork(arn, {**members, **blank, "dryRun": True})
        shown = pretty(plan["input"])
        started: list[str] = []

        async def send(text: str, entries: dict[str, str]) -> None:
            given = {**members, **({"input": text} if text != shown or blank else {})}
            if entries["reason"]:
                given["reason"] = entries["reason"]
            started.append((await daemon.fork(arn, given))["executionArn"])

        title = f"A new execution like {clean(item['name'])}, {where}, with this input"
        fill = Fill(title, "start it", send, text=shown, entries=_REASON, lines=[*told, *plan_lines(plan, self._type)])
        await self.app.push_screen_wait(fill)
        if started:
            name = started[0].rpartition(":")[2]
            self.say(f"started {clean(name)}")
            self.host.show_execution(started[0], name)

    def _type(self, name: str) -> str:
        states = self.known.definition.get("States", {}) if isinstance(self.known.definition, dict) else {}
        state = states.get(name)
        return str(state.get("Type", "")) if isinstance(state, dict) else ""

    # -- by hand

    def _open_task(self) -> Item | None:
        """The open task of the selected state."""
        frames = {visit.frame for visit in self.known.visits(self.selected) if visit.end is None}
        tasks = (self.item() or {}).get("openTasks") or []
        return next((task for task in tasks if task.get("frame") in frames), None)

    async def do_resolve(self) -> None:
        """Complete or fail the open task of the state in the place of whoever should."""
        task = self._open_task()
        if task is None:
            self.say("no task of this state is open")
            return
        if not task.get("promptId"):
            self.say("only whoever runs this task can answer it: it holds no token. Stop the execution, or wait")
            return
        daemon, short = self.host.daemon, task["promptId"]

        async def send(text: str, entries: dict[str, str]) -> None:
            if entries["error"]:
                await daemon.fail(short, entries["error"], entries["cause"])
            else:
                await daemon.answer(short, text, entries["cause"])

        lines = [
            [Span("the task ends with this output, or with the error if one is named; it goes on from there", "dim")],
            [Span(f"{clean(task['resource'])}, open {clean(task['status']).lower()}", "faint")],
        ]
        entries = (("error", ""), ("cause", ""))
        fill = Fill(f"Resolve {clean(task['state'])} by hand", "send", send, text="{}", entries=entries, lines=lines)
        if await self.app.push_screen_wait(fill):
            self.say(f"{clean(task['state'])} is resolved")
            self.reload()

    async def do_heartbeat(self) -> None:
        task = self._open_task()
        if task is None or not task.get("promptId"):
            self.say("no task of this state takes a heartbeat by hand")
            return
        await self.host.daemon.heartbeat(task["promptId"])
        self.say(f"{clean(task['state'])}: its heartbeat begins anew")
        self.reload()

    async def do_retry_now(self) -> None:
        """End the back-offs that the execution waits in."""
        item = self.item() or {}
        timers = [timer for timer in item.get("timers") or [] if timer.get("purpose") == "retry"]
        lines = [
            [Span("ƒ ", "run"), Span(clean(timer["state"]), "bold"), Span(" is tried again at once", "dim")]
            for timer in timers[:SHOWN]
        ]
        if await self.app.push_screen_wait(Ask("Skip the back-off?", lines, "retry now")):
            await self.host.daemon.retry_now(item["executionArn"])
            self.say(f"{count_of(len(timers), 'state')} tried again")
            self.reload()

    # -- test

    async def do_test(self) -> None:
        """Run the selected state alone, with its input from this execution."""
        row, visit, item = self.row, self.visit(), self.item() or {}
        if row is None:
            return
        found = stages(self.known.events_of(visit)) if visit is not None else []
        given = next((json.dumps(stage.value) for stage in found if stage.name == "input"), "{}")
        variables = variables_before(self.known.events, visit.entered, visit.frame) if visit is not None else {}
        answers: list[Item] = []

        async def send(text: str, entries: dict[str, str]) -> None:
            members: dict[str, Any] = {"stateName": row.path[-1], "input": text, "inspectionLevel": "DEBUG"}
            members["roleArn"] = item.get("roleArn") or "arn:aws:iam::000000000000:role/flowd"
            if variables:
                members["variables"] = json.dumps(variables)
            answers.append(await self.host.daemon.test_state(item.get("definition", ""), members))

        lines = [[Span(_FOR_REAL if row.type == "Task" else "nothing outside is called, nothing is stored", "dim")]]
        await self.app.push_screen_wait(
            Fill(f"Test {row.label} with this input", "run it", send, text=pretty(given), lines=lines)
        )
        if answers:
            await self.app.push_screen_wait(
                Tell(f"{row.label}: {clean(answers[0]['status'])}", verdict_lines(answers[0]))
            )


def plan_lines(plan: Item, type_of: Any) -> list[list[Span]]:
    """What a fork may run, and with which variables."""
    names = [str(name) for name in plan.get("willRun") or []]
    line = [Span("may run ", "dim")]
    line += [Span(f"{STATE_TYPE.get(type_of(name), '·')}\u00a0{clean(name)}  ") for name in names[:SHOWN]]
    if len(names) > SHOWN:
        line.append(Span(f"and {count_of(len(names) - SHOWN, 'more state')}", "dim"))
    lines = [line]
    if plan.get("variables"):
        lines.append([Span("variables as they were: ", "dim"), Span(clean(plan["variables"], 300), "str")])
    return lines


def verdict_lines(answer: Item) -> list[list[Span]]:
    """How a test went: status, error, where it would go, and the data at each stage."""
    told = {name: answer[name] for name in ("status", "error", "cause", "nextState") if answer.get(name)}
    data = {"output": answer.get("output"), **(answer.get("inspectionData") or {})}
    value = told | {name: parse(text)[0] if isinstance(text, str) else text for name, text in data.items() if text}
    return [json_spans(line, False) for line in flatten(value)]
