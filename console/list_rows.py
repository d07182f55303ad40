"""Rows of the lists about the whole daemon: batches, dead letters, deploys, queues, audit, log. Pure, like `rows`."""

from __future__ import annotations

from console.columns import Column
from console.looks import BATCH, LEVEL, UNKNOWN, Span, status
from console.rows import Item, Now, Sheet
from console.text import ago, clean, clock, coarse, moment, number

BAR = 12


def bar(done: int, failed: int, total: int, width: int = BAR) -> str:
    """How far something is: `██████▌     `; every item that failed counts as done."""
    eighths = width * 8 * min(done + failed, total) // max(total, 1)
    full, part = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")).ljust(width)


def batch_cells(item: Item, now: Now) -> list[Span]:
    look = BATCH.get(item["status"], UNKNOWN)
    left = item["total"] - item["done"] - item["failed"]
    return [
        Span(look.glyph, look.tone),
        Span(str(item["id"]), "bold"),
        Span(clean(item["verb"])),
        Span(look.word, look.tone),
        Span(bar(item["done"], item["failed"], item["total"]), "run" if look.tone == "run" else "dim"),
        Span(f"{number(item['done'])} of {number(item['total'])}"),
        Span(f"{number(item['failed'])} failed" if item["failed"] else "", "bad"),
        Span(f"{number(left)} left" if left and look.tone != "ok" else "", "dim"),
        Span(clean(item["by"]), "dim"),
        Span(moment(item["startedAt"], now.at, now.zone), "dim"),
        Span(clean(item["reason"])),
    ]


BATCHES = Sheet(
    (
        Column("", 1),
        Column("id", 4, right=True),
        Column("verb", 9),
        Column("status", 10),
        Column("", BAR, drop=3),
        Column("done", 16, 19),
        Column("", 9, 14),
        Column("", 10, 12, drop=4),
        Column("by", 6, 12, drop=2),
        Column("started", 8, 12, drop=1, words=True),
        Column("reason", 10, 120),
    ),
    batch_cells,
    lambda item: str(item["id"]),
)


def item_cells(item: Item, now: Now) -> list[Span]:
    execution, look = item["execution"], status(item["execution"]["status"])
    done = {"DONE": Span("✓", "ok"), "FAILED": Span("✗", "bad")}.get(item["state"], Span("·", "faint"))
    return [
        done,
        Span(clean(execution["name"]), "bold"),
        Span(clean(execution["stateMachineName"])),
        Span(f"{look.glyph} {look.word}", look.tone),
        Span(clean(item.get("problem") or ""), "bad"),
    ]


BATCH_ITEMS = Sheet(
    (
        Column("", 1),
        Column("execution", 18, 80, middle=True),
        Column("machine", 12, 60, drop=1),
        Column("now", 11),
        Column("problem", 20, 99),
    ),
    item_cells,
    lambda item: str(item["execution"]["id"]),
)


def dead_cells(item: Item, now: Now) -> list[Span]:
    return [
        Span("✗", "bad"),
        Span(number(item["count"]), "bold"),
        Span(clean(item.get("error") or "–"), "bad"),
        Span(clean(item.get("state") or "–")),
        Span(clean(item["stateMachineName"])),
        Span(ago(item["lastAt"], now.at)),
        Span(ago(item["firstAt"], now.at), "dim"),
    ]


DEAD = Sheet(
    (
        Column("", 1),
        Column("count", 7, 9, right=True),
        Column("error", 18, 80),
        Column("at state", 12, 60),
        Column("machine", 14, 60),
        Column("last", 9, 12),
        Column("first", 9, 12, drop=1),
    ),
    dead_cells,
    lambda item: str(item["filter"]),
)


def deploy_cells(item: Item, now: Now) -> list[Span]:
    """A row is a published version, or a file that was refused: its first error stands last."""
    if "diagnostics" in item:
        told = item["diagnostics"][0] if item["diagnostics"] else {}
        where = f"{told['line']}:{told.get('column', 1)} " if told.get("line") else ""
        return [
            Span("✗", "bad"),
            Span(clean(item["path"]), "bold"),
            Span("refused", "bad"),
            Span(moment(item["updatedAt"], now.at, now.zone)),
            Span(""),
            Span(f"{where}{clean(told.get('code', ''))} {clean(told.get('message', ''))}".strip(), "bad"),
        ]
    return [
        Span("▶", "ok") if item["current"] else Span("·", "faint"),
        Span(clean(item["stateMachineName"]), "bold"),
        Span(f"v{item['version']}"),
        Span(moment(item["at"], now.at, now.zone)),
        Span(clean(item.get("by") or item["owner"])),
        Span(clean(item.get("description") or item.get("source") or ""), "dim"),
    ]


DEPLOYS = Sheet(
    (
        Column("", 1),
        Column("machine", 18, 60),
        Column("ver", 7),
        Column("at", 8, 12, words=True),
        Column("by", 8, 14, drop=1),
        Column("file, description", 20, 99),
    ),
    deploy_cells,
    lambda item: str(item.get("stateMachineVersionArn") or item["path"]),
)


def alias_cells(item: Item, now: Now) -> list[Span]:
    return [
        Span("◆", "accent"),
        Span(clean(item["name"]), "bold"),
        Span(" · ".join(f"v{route['version']} {route['weight']} %" for route in item["routing"])),
        Span(moment(item["updatedAt"], now.at, now.zone), "dim"),
        Span(clean(item.get("description") or ""), "dim"),
    ]


ALIASES = Sheet(
    (
        Column("", 1),
        Column("alias", 12, 60),
        Column("leads to", 20, 26),
        Column("changed", 8, 12, words=True),
        Column("description", 12, 60, drop=1),
    ),
    alias_cells,
    lambda item: str(item["name"]),
)


def queue_name(item: Item) -> str:
    """An activity by its name, an SWF task list by its own, with what waits there and whose it is."""
    if "taskList" not in item:
        return str(item["name"])
    return f"{item['taskList']} of {item['domain']}: {'decisions' if item['tasks'] == 'decision' else 'activities'}"


def idle(item: Item) -> bool:
    """True if something waits in a queue and nobody takes it, nor a person."""
    return bool(item["depth"] and not item["pollers"] and not item.get("openPrompts"))


def queue_cells(item: Item, now: Now) -> list[Span]:
    alone = idle(item)
    oldest, polled = item.get("oldestAt"), item.get("polledAt")
    return [
        Span("✗", "late") if alone else Span("▶", "ok") if item["pollers"] else Span("·", "faint"),
        Span(clean(queue_name(item)), "bold"),
        Span(number(item["depth"]), "late" if alone else ""),
        Span(coarse(now.at - oldest) if oldest else "–", "late" if alone else "dim"),
        Span(number(item["pollers"]), "late" if alone else ""),
        Span(ago(polled, now.at) if polled else "never", "dim"),
        Span(clean(item.get("polledBy") or ""), "dim"),
        Span(number(item.get("openPrompts", 0)), "dim"),
        Span("nobody polls" if alone else "", "late"),
    ]


QUEUES = Sheet(
    (
        Column("", 1),
        Column("queue", 16, 80, middle=True),
        Column("waiting", 7, right=True),
        Column("oldest", 6, right=True),
        Column("pollers", 7, right=True),
        Column("last poll", 9, 12),
        Column("worker", 8, 60, drop=2),
        Column("prompts", 7, right=True, drop=1),
        Column("", 12, 20),
    ),
    queue_cells,
    lambda item: str(item["name"]),
)


def target_name(target: str) -> str:
    """What an ARN names, without its kind and machine, which make it too long for a column; all else as it is."""
    if not target.startswith("arn:"):
        return target
    *_, kind, name = target.split(":", 6)
    return name.partition(":")[2] if kind in ("execution", "express") and ":" in name else name


def audit_cells(item: Item, now: Now) -> list[Span]:
    target = clean(item["target"])
    return [
        Span(moment(item["at"], now.at, now.zone)),
        Span(clean(item["who"]), "bold"),
        Span(clean(item["verb"])),
        Span(target_name(target)),
        Span(clean(item.get("detail") or ""), "dim"),
    ]


AUDIT = Sheet(
    (
        Column("at", 8, 12, words=True),
        Column("who", 8, 14),
        Column("did", 14, 26),
        Column("to", 20, 90, middle=True),
        Column("why", 14, 160),
    ),
    audit_cells,
    lambda item: str(item["id"]),
)


def log_cells(item: Item, now: Now) -> list[Span]:
    look = LEVEL.get(item["level"], UNKNOWN)
    return [
        Span(look.glyph, look.tone),
        Span(clock(item["at"], now.zone), "dim"),
        Span(clean(item["logger"]).removeprefix("flowd."), "dim"),
        Span(clean(item["text"]), look.tone if look.tone != "dim" else ""),
    ]


LOG = Sheet(
    (Column("", 1), Column("at", 12), Column("part", 10, 18, drop=1), Column("", 30, 300)),
    log_cells,
    lambda item: str(item["id"]),
)
