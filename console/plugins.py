"""Commands of one's own (`plugins.toml`): a key runs a command of the shell with the fields of what the cursor is on.

[log]                                        # its name
screen = "execution"                         # a screen, as in keys.toml
key = "ctrl+g"
command = "journalctl --since {startDate}"   # {FIELD}: quoted for the shell; ${VARIABLE} is left to the shell
description = "what the machine did then"    # this and what follows may be left out
confirm = true                               # show the command first, and ask
background = true                            # say its first line instead of handing over the terminal

Nothing runs from a read-only console or from a browser. What is wrong with the file is told and left out.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import subprocess
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from textual.app import SuspendNotSupported

from console import actions
from console.looks import Span
from console.reasons import all_of, row, writes
from console.screens.dialogs import Ask
from console.screens.shell import Shell
from console.text import clean

FILE = "plugins.toml"
_FIELD = re.compile(r"(?<!\$)\{(\w+)\}")
_NAME = re.compile(r"[\w-]{1,30}")
_SHOWN = 200  # characters of what a command in the background says


class Plugin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    screen: str
    key: str
    command: str
    description: str = ""
    confirm: bool = False
    background: bool = False


class UnknownField(Exception):
    """The command names a field that the selected thing has not; the text says which there are."""


def take(path: Path) -> list[str]:
    """Put the commands of a file among the actions of their screens; what is wrong with it, a line each."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        return [f"{path}: {clean(error, 200)}"]
    return [f"{path.name}: {told}" for name, entry in document.items() if (told := _add(name, entry))]


def _add(name: str, entry: Any) -> str:
    """Why it cannot be an action, else ""."""
    try:
        plugin = msgspec.convert(entry, Plugin)
    except msgspec.ValidationError as error:
        return f"[{clean(name, 30)}]: {clean(error, 120)}"
    if _NAME.fullmatch(name) is None:
        return f"[{clean(name, 30)}]: a name has letters, digits, - and _"
    if plugin.screen not in actions.SCREENS:
        return f"[{name}]: there is no screen {clean(plugin.screen, 30)}; there are {', '.join(actions.SCREENS)}"
    key = actions.textual_key(plugin.key.strip())
    taken = next((each for each in actions.of(plugin.screen) if key in each.keys.split(",")), None)
    if not key or taken is not None:
        return f"[{name}]: on {plugin.screen} the key {clean(key, 20)} is {taken.label if taken else 'missing'}"
    action = actions.Action(
        f"own_{name}",
        key,
        name,
        clean(plugin.description or plugin.command, 70),
        all_of(writes, row),
        bar=False,
        run=partial(_run, name, plugin),
    )
    actions.TABLE[plugin.screen] = (*actions.TABLE[plugin.screen], action)
    return ""


def filled(command: str, fields: dict[str, Any]) -> str:
    """The command with its fields, quoted for the shell. Raises UnknownField."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in fields:
            raise UnknownField(f"there is no field {{{found[1]}}} here; there are {', '.join(sorted(fields))}")
        return shlex.quote(clean(fields[found[1]]))

    return _FIELD.sub(value, command)


async def _run(name: str, plugin: Plugin, shell: Shell) -> None:
    if shell.app.is_web:
        shell.say(f"{name}: commands of one's own are not run from a browser", bad=True)
        return
    fields = {key: value for key, value in (shell.item() or {}).items() if isinstance(value, (str, int, float))}
    state = shell.situation().state
    try:
        command = filled(plugin.command, fields if state is None else {**fields, "state": state.label})
    except UnknownField as error:
        shell.say(f"{name}: {error}", bad=True)
        return
    asked = Ask(f"Run {name}?", [[Span(clean(command), "dim")]], "run it")
    if plugin.confirm and not await shell.app.push_screen_wait(asked):
        return
    if plugin.background:
        shell.work(_aside(name, command, shell))  # on its own: no key waits for it
        return
    try:
        with shell.app.suspend():
            code = subprocess.run(["/bin/sh", "-c", command], check=False).returncode
            input(f"\n{name} ended with exit code {code}; enter leads back ")
    except (OSError, EOFError, SuspendNotSupported) as error:
        shell.say(f"{name}: {clean(error)}", bad=True)


async def _aside(name: str, command: str, shell: Shell) -> None:
    """Run a command that gets no terminal and tell its exit code and first line; the rest is read and dropped."""
    process = await asyncio.create_subprocess_shell(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    said = await process.stdout.read(65_536)
    while await process.stdout.read(65_536):
        pass
    lines = said.decode("utf-8", "replace").strip().splitlines()
    code, told = await process.wait(), clean(lines[0], _SHOWN) if lines else "it said nothing"
    shell.say(f"{name}: {told}" + (f" (exit code {code})" if code else ""), bad=code != 0)
