"""Write the night's report: Markdown for people, CSV for the next night's comparison."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from places import reports


def _replace(path: Path, text: str) -> str:
    """A reader sees the old file or the new one; a second run of the same night writes the same file again."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.replace(path)
    return str(path)


def _markdown(title: str, summary: dict[str, Any]) -> str:
    lines = [f"# {title}, {summary['night']}", "", "| source | figure | value | unit | change |", "| --- | --- | ---: | --- | ---: |"]
    for row in summary["rows"]:
        change = "" if row["change"] is None else f"{row['change']:+g}"
        lines.append(f"| {row['source']} | {row['name']} | {row['value']:g} | {row['unit']} | {change} |")
    lines += ["", *(f"Not collected: {problem}" for problem in summary["problems"])]
    return "\n".join(lines).rstrip() + "\n"


def _table(summary: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["source", "name", "value", "unit"])
    writer.writerows([row["source"], row["name"], row["value"], row["unit"]] for row in summary["rows"])
    return text.getvalue()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """{"title", "summary"} -> {"markdown": path, "csv": path, "rows": n, "problems": n}"""
    summary = event["summary"]
    place = reports()
    return {
        "markdown": _replace(place / f"{summary['night']}.md", _markdown(event["title"], summary)),
        "csv": _replace(place / f"{summary['night']}.csv", _table(summary)),
        "rows": len(summary["rows"]),
        "problems": len(summary["problems"]),
    }
