"""What is typed behind `:`: which screen it leads to, with which words for it. Pure."""

from __future__ import annotations

from difflib import get_close_matches
from typing import NamedTuple

#: Words after `:` and where they lead.
GOTO: dict[str, str] = {
    "exec": "executions", "executions": "executions", "inbox": "inbox", "sm": "machines", "machines": "machines",
    "sched": "schedules", "schedules": "schedules", "batch": "batches", "batches": "batches", "dead": "dead",
    "deploy": "deploys", "deploys": "deploys", "act": "queues", "queues": "queues", "log": "log", "audit": "audit",
    "health": "health", "view": "view", "help": "help", "q": "quit", "quit": "quit",
}  # fmt: skip
#: Those of them that `:` shows: one for each screen, all in 78 cells.
OFFERED = (
    "exec", "inbox", "machines", "sched", "queues", "dead", "batch", "deploys", "log", "audit", "health", "view",
    "quit",
)  # fmt: skip


class Command(NamedTuple):
    """Where to go, and the words behind it: a filter, or the name of a view. `wrong` says why it leads nowhere."""

    target: str
    words: str = ""
    wrong: str = ""


def read(typed: str) -> Command:
    """The beginning of a word is enough if it leads to one screen only."""
    word, _, words = typed.strip().partition(" ")
    targets = {target for key, target in GOTO.items() if key.startswith(word)}
    if word in GOTO or len(targets) == 1:
        return Command(GOTO.get(word) or targets.pop(), words.strip())
    if targets:
        return Command("", wrong=f"{word} may be {' or '.join(sorted(targets))}")
    near = get_close_matches(word.lower(), GOTO, 1)
    return Command("", wrong=f"no such screen: {word}" + (f"; did you mean :{near[0]}?" if near else ""))
