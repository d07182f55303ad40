"""What form a prompt gets, and what a redrive would do: the two questions an operator answers most. Pure.

A prompt without a schema asks for `{"decision": ..., "comment": ...}`; its Choices, or else approve and reject, are the
decisions. An open token that is no prompt takes any JSON.
"""

from __future__ import annotations

import json
from typing import Any

from console.fields import MISSING, Path, path_of
from console.journal import Journal
from console.jsonlines import parse
from console.looks import STATE_TYPE, VISIT, Span
from console.text import clean, count_of
from flowd.questions import choices_of, limited

Item = dict[str, Any]


def schema_of(prompt: Item) -> Any:
    """The schema of the answer: its own, a decision with a comment, or anything for a bare token."""
    if prompt["kind"] == "token":
        return {"title": "output", "description": "The JSON that SendTaskSuccess gives to the state."}
    schema = prompt.get("schema")
    schema = parse(schema)[0] if isinstance(schema, str) else schema
    if isinstance(schema, dict) and schema:
        return limited(schema, choices_of(prompt.get("choices")))
    decision = {"title": "Decision", "enum": choices_of(prompt.get("choices")) or ["approve", "reject"]}
    comment = {"title": "Comment", "type": "string", "format": "textarea"}
    return {"type": "object", "properties": {"decision": decision, "comment": comment}, "required": ["decision"]}


def context_of(prompt: Item) -> str | None:
    """The task's input as JSON text, without the question itself (`Prompt`): the form shows that already."""
    text = prompt.get("input")
    value = parse(text)[0] if isinstance(text, str) else None
    if prompt["kind"] == "token" or not isinstance(value, dict) or "Prompt" not in value:
        return text
    rest = {name: member for name, member in value.items() if name != "Prompt"}
    return json.dumps(rest, ensure_ascii=False) if rest else None


def output_of(answer: Any) -> str:
    """The answer as the JSON text that is sent."""
    return json.dumps(None if answer is MISSING else answer, ensure_ascii=False)


def comment_of(prompt: Item, answer: Any) -> str:
    """The comment of the default form, which also goes into the audit."""
    return str(answer.get("comment", "")) if not prompt.get("schema") and isinstance(answer, dict) else ""


def complaints(errors: list[Item]) -> dict[Path, str]:
    """The daemon's errors of an answer, by path."""
    return {path_of(str(error.get("path", ""))): clean(error.get("message", "not valid")) for error in errors}


def redrive_lines(definition: Any, journal: Journal) -> list[list[Span]]:
    """What a redrive will run: each line of control that did not end well, and what keeps its result."""
    leaves = _leaves(journal)
    lines = []
    for visit in leaves[:8]:
        look = VISIT.get(visit.status, VISIT[""])
        glyph = STATE_TYPE.get(_type(definition, visit.path), "?")
        label = " › ".join(clean(part) for part in visit.path if not part.isdigit() and part != "*")
        item = f" item {visit.frame.rpartition('.')[2]}" if "*" in visit.path else ""
        error = f"  {look.glyph} {clean(visit.error) or look.word.lower()}"
        lines.append([Span(f"{glyph} ", "run"), Span(label + item, "bold"), Span(error, look.tone)])
    if len(leaves) > 8:
        lines.append([Span(f"… and {count_of(len(leaves) - 8, 'more state')}", "dim")])
    lines += _in_vain(definition, leaves, journal)
    done = sum(visit.status in ("SUCCEEDED", "CAUGHT") for visit in journal.visits)
    kept = [Span("✓ ", "ok"), Span(f"{count_of(done, 'state')} that succeeded will not run again", "dim")]
    return [*lines, [], kept if done else [Span("no state has succeeded before it: there is no result to keep", "dim")]]


def _in_vain(definition: Any, leaves: list[Any], journal: Journal) -> list[list[Span]]:
    """A Fail state only fails again: where to begin instead, if a Catch led to it."""
    if not leaves or any(_type(definition, visit.path) != "Fail" for visit in leaves):
        return []
    caught = next((visit for visit in reversed(journal.visits) if visit.status == "CAUGHT"), None)
    lines = [[], [Span("! ", "late"), Span("a Fail state only fails again")]]
    if caught is not None and len(caught.path) == 1:
        lines[1] += [Span("; to try again: "), Span("K", "key"), Span(f" at {clean(caught.path[0])}", "bold")]
    return lines


def _leaves(journal: Journal) -> list[Any]:
    open_ends = journal.unfinished()
    frames = {visit.frame for visit in open_ends}
    inner = [v for v in open_ends if not any(other.startswith(v.frame + "/") for other in frames)]
    failed = [visit for visit in inner if visit.status != "ABORTED"]
    return failed + [visit for visit in inner if visit.status == "ABORTED"]


def _type(definition: Any, path: Path) -> str:
    """The Type of the state a path of the journal leads to."""
    here = definition
    for place, part in enumerate(path):
        if not isinstance(here, dict):
            return ""
        if part == "*":
            here = here.get("ItemProcessor") or here.get("Iterator")
        elif part.isdigit() and place and isinstance(here.get("Branches"), list):
            here = here["Branches"][int(part)] if int(part) < len(here["Branches"]) else None
        else:
            here = (here.get("States") or {}).get(part)
    return str(here.get("Type", "")) if isinstance(here, dict) else ""
