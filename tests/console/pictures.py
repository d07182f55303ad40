"""The pictures of README and docs: a daemon runs the example workflows, the console looks at them (`make pictures`)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from console.app import FlowdApp
from console.client import SocketDaemon
from console.places import Opening
from flowd.cli.story import Stage
from flowd.client import Client
from tests.console.cells import Renderer
from tests.console.driver import goes_to, quiet, sees

ROOT = Path(__file__).parents[2]
LAMP = [{"sku": "lamp", "quantity": 1}]
#: Small orders ask nobody; without a carrier shipping fails and everything is undone.
ORDERS: dict[str, dict[str, Any]] = {
    "shipped": {"card": "tok_ok", "lines": LAMP},
    "undone": {"card": "tok_flaky", "carrier": "none", "lines": LAMP},
    "declined": {"card": "tok_declined", "lines": LAMP},
    "asking": {"card": "tok_ok", "lines": [{"sku": "lamp", "quantity": 2}, {"sku": "desk", "quantity": 1}]},
}
FILM = {"title": "test-card", "heights": [360, 240, 144]}
PATIENCE_S = 120.0


class Studio:
    """The console in front of a daemon, and where the pictures go."""

    def __init__(self, stage: Stage, folder: Path, into: Path) -> None:
        self._socket, self._folder, self._into = stage.socket, folder, into
        self._renderer = Renderer()

    @asynccontextmanager
    async def console(self, width: int, height: int, opening: Opening | None = None) -> AsyncIterator[Pilot[int]]:
        app = FlowdApp(SocketDaemon(self._socket), state_dir=self._folder, opening=opening)
        async with quiet(app).run_test(size=(width, height)) as pilot:
            await sees(pilot, "● live")
            yield pilot

    async def take(self, pilot: Pilot[int], name: str, *texts: str) -> None:
        """A picture, once all of the texts are on the screen."""
        await sees(pilot, *texts)
        pilot.app.clear_notifications()
        await pilot.pause()
        self._renderer.save(pilot.app, self._into / f"{name}.png")
        sys.stdout.write(f"{self._into / name}.png\n")


async def take_all(studio: Studio, arns: dict[str, str]) -> None:
    async with studio.console(160, 46, Opening(arns["undone"], "graph", "ChargeCard")) as pilot:
        await sees(pilot, "✗ FAILED", "ƒ ChargeCard ✓", "came to")
        await studio.take(pilot, "execution", "[output]", "since input")
    async with studio.console(80, 24, Opening(arns["film"], "graph")) as pilot:
        await studio.take(pilot, "graph-80", "✓ SUCCEEDED", "EncodeAll")
    async with studio.console(100, 28, Opening(arns["undone"], "outline", "ShipOrder")) as pilot:
        await sees(pilot, "✗ FAILED", "came to")
        await pilot.press("K")
        await studio.take(pilot, "fork", "may run", "ShipOrder")
    async with studio.console(100, 26) as pilot:
        await studio.take(pilot, "executions", "video", "order")
        await goes_to(pilot, "inbox")
        await sees(pilot, "order-desk")
        await pilot.press("enter")
        await studio.take(pilot, "answer", "ctrl+s")


def begin(stage: Stage) -> dict[str, str]:
    """Start everything and wait until it has ended, or asks; the ARNs by name."""
    with closing(Client(stage.socket)) as client:
        machines = {each["name"]: each["stateMachineArn"] for each in client.flowd("ListMachines")["machines"]}

        def start(machine: str, given: Any) -> str:
            answer = client.states("StartExecution", stateMachineArn=machines[machine], input=json.dumps(given))
            return str(answer["executionArn"])

        arns = {
            name: start("order", {"orderId": f"A-{1001 + number}", "customer": "Ada Example", **given})
            for number, (name, given) in enumerate(ORDERS.items())
        }
        arns["film"] = start("video", FILM)
        for name, arn in arns.items():
            stage.until(name, partial(rests, client, arn), PATIENCE_S)
        return arns


def rests(client: Client, arn: str) -> bool:
    """True if nothing more happens by itself."""
    found = client.flowd("GetExecution", executionArn=arn)
    return found["status"] != "RUNNING" or found.get("waiting") == "prompt"


def main(into: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="flowd-pictures-") as name:
        stage = Stage(Path(name), ROOT / "workflows")
        stage.environ["FLOWD_CONFIG"] = os.devnull
        stage.start()
        try:
            stage.until("the workflows are loaded", lambda: len(machines(stage)) >= 5, PATIENCE_S)
            asyncio.run(take_all(Studio(stage, Path(name), into), begin(stage)))
        finally:
            stage.stop()


def machines(stage: Stage) -> list[dict[str, Any]]:
    return list(stage.ask("ListMachines")["machines"])


if __name__ == "__main__":
    main(Path(sys.argv[1] if sys.argv[1:] else "docs/pictures"))
