from __future__ import annotations

from datetime import UTC
from typing import Any

from rich.cells import cell_len

from console.answers import redrive_lines
from console.event_rows import event_cells
from console.inspector import inspect_lines
from console.journal import Journal, message_of, state_of
from console.looks import joined
from console.outline import Row, bar, outline, plain, render, ruler, stretch, waits_of
from console.rows import Now
from tests.console import stories
from tests.console.stories import NOW, ORDER, Story


def journal_of(story: Story) -> Journal:
    journal = Journal()
    journal.add(story.events)
    return journal


def golden(story: Story, width: int = 79, execution: dict[str, Any] | None = None) -> str:
    journal = journal_of(story)
    rows = outline(ORDER, journal, waits_of(execution or {}, NOW))
    over = stretch(journal, NOW)
    lines = [joined(ruler(over, width, UTC)), *(joined(render(row, over, width, NOW)) for row in rows)]
    return "\n".join(line.rstrip() for line in lines)


def test_a_failed_order() -> None:
    assert golden(stories.failed(NOW - 60)) == (
        """\
state                            came to               took 19:13:09   19:13:15
ƒ CheckOrder                     ✓ ok                 900ms ██▌
▤ EachItem                       ✓ 3: 3✓               1.2s   ████
┆ ƒ Reserve                      3: 3✓                 1.2s   ████
┆ · Label                        3: 3✓                830ms    ▏▏ ▏
‖ PayAndTell  ↯ Refund           ↯ Card.Busy           3.9s       ███████████
├ branch 1
│ ƒ Charge                       ✗ ×3 Card.Busy        3.3s        ██████████
└ branch 2
  ƒ TellCustomer                 ✓ ok                 600ms       █▋
◆ BigOrder
└ if total>1000
  ƒ Approve
ƒ Ship
✓ Done
↯ handlers
  ƒ Refund                       ✗ Refund.Unknown     700ms                  ██
  ✗ NotDone"""
    )


def test_an_order_that_waits_for_a_person_after_a_map_of_many() -> None:
    task = {"frame": "0", "promptId": "19c2", "resource": "activity", "status": "STARTED"}
    lines = golden(stories.waiting(NOW - 420), 79, {"openTasks": [task]}).split("\n")
    assert lines[3:5] == [
        "┆ ƒ Reserve                      128: 128✓            52.4s ██▏",
        "┆ · Label                        128: 128✓            52.0s ▏▏▏",
    ]
    assert lines[12] == "  ƒ Approve                      ▶ ▣ prompt 19c2      6m04s   ████████████████▶"


def test_a_map_is_one_row_with_counts_while_it_runs() -> None:
    story = Story(NOW - 10).add("ExecutionStarted").add("MapStateEntered", name="EachItem", input="{}")
    story.add("MapStateStarted", length=4).task("Reserve", 1, "0/1.0").task("Reserve", 1, "0/1.1", failures=1)
    story.add("TaskStateEntered", "0/1.2", name="Reserve", input="{}").add("TaskScheduled", "0/1.2")
    row = next(row for row in outline(ORDER, journal_of(story)) if row.label == "Reserve")
    assert "3: 2✓ 1▶" in joined(render(row, (NOW - 10, NOW), 79, NOW))
    assert row.status == "RUNNING"


def test_a_history_read_in_pages_gives_the_same_rows_as_read_at_once() -> None:
    events = stories.failed(NOW - 60).events
    paged = Journal()
    for start in range(0, len(events), 7):
        paged.add(events[max(0, start - 3) : start + 7])
    assert paged.visits == journal_of(stories.failed(NOW - 60)).visits


def test_an_abort_ends_everything_that_was_going() -> None:
    story = stories.waiting(NOW - 100, 3).after(5).add("ExecutionAborted", error="Stop", cause="wrong order")
    visit = journal_of(story).visits[-1]
    assert (visit.status, visit.end, visit.error) == ("ABORTED", story.events[-1]["timestamp"], "Stop")


def test_a_redrive_opens_again_what_failed_and_nothing_else() -> None:
    story = stories.failed(NOW - 100)
    story.after(5).add("ExecutionRedriven", redriveCount=1)
    journal = journal_of(story)
    assert [visit.path for visit in journal.visits if visit.end is None] == [("Refund",)]
    assert journal.redriven == 1 and journal.ended is None


def test_a_redrive_is_told_before_it_is_done() -> None:
    lines = [joined(line) for line in redrive_lines(ORDER, journal_of(stories.failed(NOW - 60)))]
    assert lines == ["ƒ Refund  ✗ Refund.Unknown", "", "✓ 10 states that succeeded will not run again"]


def test_a_redrive_of_what_failed_at_once_says_that_nothing_is_kept() -> None:
    story = Story(NOW - 60).add("ExecutionStarted", input="{}").add("TaskStateEntered", name="Charge", input="{}")
    story.add("TaskScheduled").add("TaskFailed", error="Card.Lost").add("ExecutionFailed", error="Card.Lost")
    lines = [joined(line) for line in redrive_lines(ORDER, journal_of(story))]
    assert lines[-1] == "no state has succeeded before it: there is no result to keep"


def test_a_redrive_that_would_only_fail_again_says_where_to_begin_instead() -> None:
    steps = {
        "Charge": {"Type": "Task", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}], "End": True},
        "Sorry": {"Type": "Fail", "Error": "Declined"},
    }
    story = Story(NOW - 60).add("ExecutionStarted", input="{}")
    story.add("TaskStateEntered", name="Charge", input="{}").add("TaskFailed", error="CardDeclined")
    story.add("TaskStateExited", name="Charge", output="{}")
    story.add("FailStateEntered", name="Sorry", input="{}").add("ExecutionFailed", error="Declined")
    lines = [joined(line) for line in redrive_lines({"States": steps}, journal_of(story))]
    assert lines[1:3] == ["", "! a Fail state only fails again; to try again: K at Charge"]


def test_a_redrive_of_a_parallel_runs_only_the_branches_that_did_not_end_well() -> None:
    story = stories.begun(NOW - 60).add("ParallelStateEntered", name="PayAndTell", input="{}")
    story.add("ParallelStateStarted").task("TellCustomer", 1, "0/3.1")
    story.add("TaskStateEntered", "0/3.0", name="Charge", input="{}").add("TaskScheduled", "0/3.0").after(1)
    story.add("TaskFailed", "0/3.0", error="Card.Lost").add("ParallelStateFailed", error="Card.Lost")
    story.add("ExecutionFailed", error="Card.Lost")
    lines = [joined(line) for line in redrive_lines(ORDER, journal_of(story))]
    assert lines[0] == "ƒ PayAndTell › Charge  ✗ Card.Lost"
    assert len([line for line in lines if "✗" in line]) == 1


def test_a_definition_nothing_is_known_of_is_drawn_plain() -> None:
    rows = outline(ORDER, Journal())
    assert [joined(plain(row, 30)).rstrip() for row in rows[:6]] == [
        "ƒ CheckOrder", "▤ EachItem", "┆ ƒ Reserve", "┆ · Label", "‖ PayAndTell  ↯ Refund", "├ branch 1",
    ]  # fmt: skip


def test_definitions_in_the_wild_are_drawn_as_far_as_they_can_be_read() -> None:
    odd: list[Any] = [
        None, [], {}, {"States": []}, {"States": {"A": 1, "B": {"Type": 7, "Next": {}, "Catch": "no", "Branches": 3}}},
        {"States": {"A": {"Type": "Parallel", "Branches": [None, {"States": {"\x1b[31mC": {}}}]}}},
    ]  # fmt: skip
    labels = [[row.label for row in outline(definition, Journal())] for definition in odd]
    assert labels == [[], [], [], [], ["B"], ["A", "branch 1", "branch 2", "C"]]


def test_bars_fill_their_width_exactly_and_the_shortest_stay_still_shows() -> None:
    row = outline(ORDER, journal_of(stories.waiting(NOW - 420)))[0]
    for width in range(1, 60):
        assert len(bar(row.visits, (NOW - 420, NOW), width)) == width
    assert "▏" in bar(row.visits, (NOW - 4_000_000, NOW), 40)


def test_wide_names_do_not_break_the_columns() -> None:
    row = Row(("数据处理",), "数据处理的第一步和第二步以及其后的所有步骤都在这里", "", "Task")
    assert cell_len(joined(render(row, (0, 1), 79, NOW))) == 79


def test_wide_names_are_cut_where_the_room_ends_and_not_before() -> None:
    for name in ("🚀 Launch", "注文を確認する"):
        definition = {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}
        [row] = outline(definition, Journal())
        assert name in joined(render(row, (0.0, 1.0), 80, 1.0))


def test_the_lines_below_the_outline_tell_place_time_and_trouble() -> None:
    rows = outline(ORDER, journal_of(stories.failed(NOW - 60)))
    charge = next(row for row in rows if row.label == "Charge")
    assert [joined(line) for line in inspect_lines(charge, {}, Now(NOW, UTC))] == [
        "PayAndTell › Charge  Task  ✗ failed",
        "entered 19:13:11, 3.3s, 3 attempts",
        "✗ Card.Busy  the terminal is in use",
    ]
    ship = next(row for row in rows if row.label == "Ship")
    assert [joined(line) for line in inspect_lines(ship, {}, Now(NOW, UTC))] == ["Ship  Task", "not reached"]


def test_an_event_knows_the_state_of_its_own_line_of_control() -> None:
    names: dict[str, str] = {}
    states = [state_of(event, names) for event in stories.failed(NOW).events]
    assert states[0] == "" and states[-1] == ""
    assert states[1:6] == ["CheckOrder"] * 5 or states[1] == "CheckOrder"
    assert "Charge" in states and "Refund" in states


def test_of_a_functions_cause_its_message_is_shown() -> None:
    cause = '{"errorMessage": "no carrier takes it", "errorType": "NoCarrier", "stackTrace": ["File x"]}'
    assert message_of(cause) == "no carrier takes it"
    assert message_of('{"message": "no", "traceback": "Traceback ..."}') == "no"
    assert message_of('{"errorMessage": ""}') == '{"errorMessage": ""}'
    assert message_of("{no json") == "{no json"
    assert (message_of("plain"), message_of(None)) == ("plain", "")
    details = {"error": "NoCarrier", "cause": cause}
    event = {"id": 7, "type": "LambdaFunctionFailed", "timestamp": NOW, "lambdaFunctionFailedEventDetails": details}
    assert event_cells(event, Now(NOW, UTC))[-1].text == "NoCarrier: no carrier takes it"
