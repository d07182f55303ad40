"""A version put in force again: what AWS does with UpdateStateMachine and the older definition.

A machine that a file of the drop folder makes is rolled back in that file, since whatever else says of it holds until
the file is read again. Nothing is done before the user has seen how the two differ.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.client import Item, RemoteError
from console.looks import Span
from console.screens.dialogs import Ask
from console.screens.shell import Shell
from console.screens.textdiff import diff_lines, indented
from console.text import clean, count_of

SHOWN = 12  # changed lines


async def put_back(shell: Shell, version: Item) -> None:
    """Ask, and put the definition of an older version in force as a new one."""
    daemon, name = shell.host.daemon, clean(version["stateMachineName"])
    machine = next((one for one in await daemon.machines() if one["name"] == version["stateMachineName"]), None)
    if machine is None:
        shell.say(f"{name} is gone", bad=True)
        return
    old = str((await daemon.machine(version["stateMachineVersionArn"]))["definition"])
    now = str((await daemon.machine(machine["stateMachineArn"]))["definition"])
    if indented(old) == indented(now):
        shell.say(f"v{version['version']} is the same as what is in force")
        return
    path = _file_of(shell, machine)
    lines = [*_changes(now, old), [], _told(machine, path)]
    if not await shell.app.push_screen_wait(Ask(f"Roll {name} back to v{version['version']}?", lines, "roll back")):
        return
    if path is None:
        told = f"v{version['version']} again"
        arn = machine["stateMachineArn"]
        await daemon.states(
            "UpdateStateMachine", stateMachineArn=arn, definition=old, publish=True, versionDescription=told
        )
        shell.say(f"{name} is as in v{version['version']}, which is published once more")
    else:
        await asyncio.to_thread(_write, path, old)
        shell.say(f"{clean(path.name)} is as in v{version['version']}; it becomes a new version")


def _file_of(shell: Shell, machine: Item) -> Path | None:
    """The file to write to, None for a machine of the API. RemoteError with the way out where neither holds."""
    if machine.get("owner") == "api":
        return None
    source = str(machine.get("source") or "")
    path = Path(str(shell.host.link.health.get("workflowsDirectory", ""))) / source
    if machine.get("owner") != "file" or not source.endswith(".json"):
        raise RemoteError(
            "not kept", f"{clean(source)} is not kept as it was written: put its older text there (e edits it)"
        )
    if not path.is_file():
        raise RemoteError("not here", f"{clean(path)} is not on this machine: roll back there, or lead an alias (a)")
    return path


def _told(machine: Item, path: Path | None) -> list[Span]:
    where = f"written to {clean(machine['source'])} in the drop folder; " if path is not None else ""
    return [Span(f"{where}running executions keep the definition they have", "dim")]


def _changes(now: str, old: str) -> list[list[Span]]:
    """The lines that change, from what is in force to what comes back."""
    changed = [line for line in diff_lines(indented(now), indented(old)) if line.text[:1] in ("+", "-")]
    more = len(changed) - SHOWN
    return [[line] for line in changed[:SHOWN]] + (
        [[Span(f"… and {count_of(more, 'line')} more", "dim")]] if more > 0 else []
    )


def _write(path: Path, text: str) -> None:
    """As a whole or not at all: the drop folder may be read at any moment, and it looks at no hidden file."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(text, "utf-8")
        beside.chmod(path.stat().st_mode & 0o777)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise RemoteError("not written", f"{clean(path)}: {clean(error.strerror or error)}") from None
