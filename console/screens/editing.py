"""A machine's definition in $EDITOR, checked when it comes back.

A machine of the drop folder is edited where its file lies: the folder is read again by itself. One that was made over
the API is edited as a copy, and is changed only after it was found valid and the user has said so.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from console.client import Item
from console.looks import Span
from console.screens.dialogs import Ask, Tell
from console.screens.shell import Shell
from console.text import clean


async def edit_machine(shell: Shell, machine: Item) -> None:
    """Edit the definition of a machine, whoever owns it; or a file of the drop folder that was refused."""
    if "diagnostics" in machine:
        machine = {"owner": "file", "source": machine["path"]}
    if machine.get("owner") in ("file", "template") and machine.get("source"):
        await _edit_file(shell, Path(str(shell.host.link.health.get("workflowsDirectory", ""))) / machine["source"])
    else:
        await _edit_copy(shell, machine)


async def _edit_file(shell: Shell, path: Path) -> None:
    before = await asyncio.to_thread(_read, path)
    if before is None:
        shell.say(f"{clean(path)} is not on this machine, or may not be read", bad=True)
        return
    shell.host.edit_file(path)
    after = await asyncio.to_thread(_read, path)
    if after is None or after == before:
        shell.say("nothing was changed")
    elif not path.name.endswith(".json"):
        shell.say(f"{clean(path.name)} is saved; what is wrong with it stands on the screen of machines")
    elif await _valid(shell, after, path.name):
        shell.say(f"{clean(path.name)} is valid; it becomes a new version")


async def _edit_copy(shell: Shell, machine: Item) -> None:
    described = await shell.host.daemon.machine(machine["stateMachineArn"])
    before = str(described.get("definition", ""))
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="flowd-"))
    path = folder / f"{clean(machine['name']).replace('/', '_')[:60]}.asl.json"  # names of files have 255 bytes
    await asyncio.to_thread(path.write_text, before, "utf-8")
    shell.host.edit_file(path)
    after = await asyncio.to_thread(_read, path)
    if after is None or after == before:
        shell.say("nothing was changed")
        return
    if not await _valid(shell, after, f"your text is kept in {path}"):
        return
    line = [Span("running executions keep the definition they have; new ones get this one", "dim")]
    if await shell.app.push_screen_wait(Ask(f"Change {clean(machine['name'])}?", [line], "change it")):
        await shell.host.daemon.update_machine(machine["stateMachineArn"], after)
        shell.say(f"{clean(machine['name'])} is changed")
    await asyncio.to_thread(_remove, path)


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeError):
        return None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.parent.rmdir()


async def _valid(shell: Shell, text: str, told: str) -> bool:
    """True if the daemon finds no error; else they are shown."""
    answer = await shell.host.daemon.validate(text)
    if answer.get("result") == "OK":
        return True
    lines = [
        [Span("✗ ", "bad"), Span(f"{clean(each.get('location', '/'))}  ", "bold"), Span(clean(each.get("message", "")))]
        for each in answer.get("diagnostics") or []
        if each.get("severity") == "ERROR"
    ]
    await shell.app.push_screen_wait(Tell(f"Not valid, not in force: {clean(told)}", lines))
    return False
