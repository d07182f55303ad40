"""What one user wants of the console: keys (`keys.toml`), theme and panes chosen last. Errors are told, not fatal.

[execution]            # a screen, as `?` names it; "everywhere" for the keys of all
fork = "ctrl+k"        # an action, as `?` lists it with its name; several keys with commas between
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from console import actions
from console.text import clean

KEYS, CHOSEN, SPLIT, COPIED = "keys.toml", "theme", "panes.json", "copied.json"
Keymap = dict[str, str]


def config_dir() -> Path:
    """$XDG_CONFIG_HOME/flowd, by default ~/.config/flowd."""
    home = os.environ.get("XDG_CONFIG_HOME") or ""
    return (Path(home) if home.startswith("/") else Path.home() / ".config") / "flowd"


def read_keys(path: Path) -> tuple[Keymap, list[str]]:
    """Keys by binding id (`execution.fork`), and what is wrong with the file; neither if there is none."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        return {}, [f"{path}: {clean(error, 200)}"]
    found: Keymap = {}
    wrong: list[str] = []
    for screen, entries in document.items():
        known = {action.name for action in actions.own(screen)}
        if not known or not isinstance(entries, dict):
            wrong.append(
                f"{path.name}: there is no screen [{clean(screen, 40)}]; there are {', '.join(actions.SCREENS)}"
            )
            continue
        for name, keys in entries.items():
            if name not in known:
                wrong.append(f"{path.name}: [{screen}] has no action {clean(name, 40)}")
            elif not isinstance(keys, str) or not keys.strip():
                wrong.append(f'{path.name}: {screen}.{name} must be a text like "ctrl+k"')
            else:
                found[f"{screen}.{name}"] = keys.replace(" ", "")
    return found, wrong + clashes(found)


def clashes(keymap: Keymap) -> list[str]:
    """Keys that would mean two things on one screen."""
    told = []
    for screen in actions.SCREENS:
        taken: dict[str, str] = {}
        for action in actions.of(screen):
            for key in keymap.get(actions.binding_id(screen, action.name), action.keys).split(","):
                if key in taken and taken[key] != action.name:
                    told.append(f"{KEYS}: on {screen} the key {clean(key, 20)} is both {taken[key]} and {action.name}")
                taken[key] = action.name
    return told


def chosen_theme(folder: Path) -> str:
    """The theme that was chosen last; "" if none was."""
    try:
        return (folder / CHOSEN).read_text("utf-8").strip()
    except (OSError, UnicodeError):
        return ""


def keep_theme(folder: Path, name: str) -> None:
    """Remember the theme; a folder that cannot be written is no reason to stop."""
    _keep(folder / CHOSEN, name + "\n")


def chosen_split(folder: Path, names: Iterable[str]) -> dict[str, float]:
    """The shares of panes that were chosen last, those with these names; a file that is none has none."""
    try:
        found = json.loads((folder / SPLIT).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    shares = {name: found.get(name) for name in names} if isinstance(found, dict) else {}
    return {name: share for name, share in shares.items() if isinstance(share, float) and 0 < share < 1}


def keep_split(folder: Path, shares: Mapping[str, float]) -> None:
    """Remember the shares of panes, like the theme."""
    _keep(folder / SPLIT, json.dumps(shares) + "\n")


def _keep(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(text, "utf-8")
    except OSError:
        return


def keep_copy(folder: Path, text: str) -> str:
    """Where a text that is too large for a clipboard lies now, for this user only; or why it lies nowhere."""
    path = folder / COPIED
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
    except (OSError, UnicodeError) as error:
        return f"no file either: {clean(error, 200)}"
    return str(path)
