"""Set tonight's figures beside those of the report before."""

from __future__ import annotations

import csv
from typing import Any

from places import reports


def _before(night: str) -> dict[tuple[str, str], float]:
    """(source, name) -> value, from the newest CSV of an earlier night."""
    earlier = sorted(path for path in reports().glob("*.csv") if path.stem < night)
    if not earlier:
        return {}
    with earlier[-1].open(newline="") as rows:
        return {(row["source"], row["name"]): float(row["value"]) for row in csv.DictReader(rows)}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"collected", "night": ISO time} -> {"night": "YYYY-MM-DD", "rows": [...], "problems": [...]}"""
    night = event["night"][:10]
    before = _before(night)
    rows, problems = [], []
    for part in event["collected"]:
        if "problem" in part:
            problems.append(f"{part['source']}: {part['problem']}")
        for figure in part["figures"]:
            last = before.get((part["source"], figure["name"]))
            change = None if last is None else round(figure["value"] - last, 2)
            rows.append({"source": part["source"], **figure, "change": change})
    return {"night": night, "rows": rows, "problems": problems}
