"""Read figures: what the kernel says of this machine, and what the order example's books say of the shop."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from places import examples

Figures = list[dict[str, Any]]


class UnknownSource(Exception):
    """There is no such source of figures."""


def _figure(name: str, value: float, unit: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit}


def _machine() -> Figures:
    memory = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        key, _, rest = line.partition(":")
        memory[key] = int(rest.split()[0])
    disk = shutil.disk_usage(examples() if examples().exists() else "/")
    load = float(Path("/proc/loadavg").read_text().split()[1])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return [
        _figure("load, 5 minutes", load, "processes"),
        _figure("processors", os.cpu_count() or 1, "count"),
        _figure("memory available", round(memory["MemAvailable"] / 1024), "MiB"),
        _figure("memory in all", round(memory["MemTotal"] / 1024), "MiB"),
        _figure("disk used", round(100 * disk.used / disk.total, 1), "%"),
        _figure("disk free", round(disk.free / 2**30, 1), "GiB"),
        _figure("up", round(uptime / 3600, 1), "hours"),
    ]


def _orders() -> Figures:
    books = examples() / "shop.db"
    if not books.exists():  # nobody has ordered yet: no figures, and nothing wrong
        return []
    db = sqlite3.connect(f"file:{books}?mode=ro", uri=True, timeout=20)
    try:
        paid, cents = db.execute("select count(*), coalesce(sum(amount_cents), 0) from payment where state = 'charged'").fetchone()
        (refunded,) = db.execute("select count(*) from payment where state = 'refunded'").fetchone()
        (shipped,) = db.execute("select count(*) from shipment").fetchone()
    finally:
        db.close()
    return [
        _figure("orders paid", paid, "count"),
        _figure("taken", cents / 100, "EUR"),
        _figure("orders refunded", refunded, "count"),
        _figure("parcels", shipped, "count"),
    ]


SOURCES = {"machine": _machine, "orders": _orders}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"source"} -> {"source", "figures": [{"name", "value", "unit"}]}"""
    source = event["source"]
    if source not in SOURCES:
        raise UnknownSource(f"{source!r}; there are {', '.join(SOURCES)}")
    return {"source": source, "figures": SOURCES[source]()}
