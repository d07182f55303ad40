from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console.structure import DEEPEST, joins, steps

ROOT = Path(__file__).parents[2]


def told(states: dict[str, Any], start: str = "") -> list[str]:
    return [f"{s.guides}{s.name}{s.title}{'  ' + s.leads if s.leads else ''}" for s in steps(states, start)]


def choice(*nexts: str, default: str = "") -> dict[str, Any]:
    rules = [{"Variable": "$.n", "NumericEquals": place, "Next": name} for place, name in enumerate(nexts)]
    return {"Type": "Choice", "Choices": rules, **({"Default": default} if default else {})}


def test_what_the_ways_of_a_choice_come_to_stands_below_them_once() -> None:
    states = {
        "Pick": choice("Small", "Large", default="Ship"),
        "Ship": {"Type": "Task", "End": True},
        "Small": {"Type": "Pass", "Next": "Wrap"},
        "Wrap": {"Type": "Pass", "Next": "Ship"},
        "Large": {"Type": "Pass", "Next": "Ship"},
    }
    assert told(states) == [
        "Pick", "├ if n=0", "│ Small", "│ Wrap", "└ if n=1", "  Large", "Ship",
    ]  # fmt: skip


def test_a_check_that_fails_does_not_push_the_rest_to_the_right() -> None:
    states = {
        "Check": choice("Bad", default="Work"),
        "Bad": {"Type": "Fail"},
        "Work": {"Type": "Task", "Next": "Again"},
        "Again": choice("Bad", default="Done"),
        "Done": {"Type": "Succeed"},
    }
    assert told(states) == [
        "Check", "└ if n=0", "  Bad", "Work", "Again", "└ if n=0 → Bad", "Done",
    ]  # fmt: skip


def test_a_loop_says_where_it_goes_back_to() -> None:
    states = {
        "Ask": {"Type": "Task", "Next": "Ready"},
        "Wait": {"Type": "Wait", "Next": "Ask"},
        "Ready": choice("Done", default="Wait"),
        "Done": {"Type": "Succeed"},
    }
    assert told(states, "Ask") == ["Ask", "Ready", "├ if n=0 → Done", "└ else", "  Wait  → Ask", "Done"]


def test_ways_that_never_meet_are_told_inside_and_what_two_of_them_share_once() -> None:
    states = {
        "Pick": choice("A", "B", default="C"),
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Succeed"},
        "C": {"Type": "Succeed"},
    }
    assert told(states) == ["Pick", "├ if n=0", "│ A", "│ B", "├ if n=1 → B", "└ else", "  C"]


def test_what_handles_errors_stands_at_the_end_and_then_what_nothing_leads_to() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Undo"}]
    states = {
        "Lost": {"Type": "Pass", "End": True},
        "Charge": {"Type": "Task", "Catch": catch, "Next": "Done"},
        "Undo": {"Type": "Task", "Next": "Charge"},
        "Done": {"Type": "Succeed"},
    }
    assert told(states, "Charge") == ["Charge", "Done", "↯ handlers", "  Undo  → Charge", "Lost"]


def test_the_guides_of_deep_choices_leave_room_for_the_names() -> None:
    states: dict[str, Any] = {f"C{n}": choice(f"E{n}", default=f"C{n + 1}") for n in range(600)}
    states |= {f"E{n}": {"Type": "Succeed"} for n in range(600)} | {"C600": {"Type": "Succeed"}}
    found = steps(states)
    assert max(len(step.guides) for step in found) == DEEPEST
    assert sorted(step.name for step in found if step.name) == sorted(states)


@pytest.mark.parametrize(
    "states",
    [{}, {"A": 1}, {"A": {}}, {"A": {"Type": "Choice"}}, {"A": {"Type": "Choice", "Choices": [1, {"Next": 2}]}},
     {"A": {"Type": "Pass", "Next": "A"}}, {"A": choice("A", default="A")}, {"A": choice("Nowhere", default="B")},
     {"A": {"Type": "Pass", "Next": "Nowhere", "Catch": [1, {"Next": "A"}]}}],
)  # fmt: skip
def test_whatever_a_definition_holds_each_state_is_told_once(states: dict[str, Any]) -> None:
    known = [name for name, state in states.items() if isinstance(state, dict)]
    assert [step.name for step in steps(states) if step.name] == known
    assert set(joins({name: states[name] for name in known})) <= set(known)


@pytest.mark.parametrize("path", sorted((ROOT / "workflows").rglob("*.asl.json")), ids=lambda path: path.stem)
def test_the_shipped_machines_are_told_whole(path: Path) -> None:
    states = json.loads(path.read_text())["States"]
    assert sorted(step.name for step in steps(states) if step.name) == sorted(states)
