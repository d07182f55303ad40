from __future__ import annotations

from datetime import UTC

import pytest

from console import columns, list_rows, rows
from console.columns import Column
from console.looks import Span, joined
from console.rows import Now, Sheet
from console.widgets.bars import header_line
from tests.console.fake import FakeDaemon, execution
from tests.console.stories import NOW

HERE = Now(NOW, UTC)


def shown(sheet: Sheet, item: rows.Item, width: int) -> str:
    fitted = columns.fit(sheet.columns, width)
    return joined(columns.line(sheet.cells(item, HERE), fitted, columns.gap(width))).rstrip()


def test_columns_leave_by_their_rank_and_grow_up_to_what_is_useful() -> None:
    wanted = (Column("a", 4), Column("b", 4, 10, drop=1), Column("c", 6, drop=2))
    assert [(f.title, f.width) for f in columns.fit(wanted, 30)] == [("a", 4), ("b", 10), ("c", 6)]
    assert [(f.title, f.width) for f in columns.fit(wanted, 12)] == [("a", 4), ("b", 7)]
    assert [(f.title, f.width) for f in columns.fit(wanted, 3)] == [("a", 4)]


def test_what_short_texts_leave_free_goes_to_those_that_would_be_cut() -> None:
    wanted = (Column("name", 18, 40), Column("at", 8), Column("why", 10, 36), Column("who", 6, 12, drop=1))
    assert [(f.title, f.width) for f in columns.fit(wanted, 46)] == [("name", 19), ("at", 8), ("why", 10), ("who", 6)]
    told = [(f.title, f.width) for f in columns.fit(wanted, 46, (13, 3, 17, 0))]
    assert told == [("name", 13), ("at", 8), ("why", 17), ("who", 3)]


def test_the_audit_names_what_was_done_to_not_what_kind_of_thing_it_is() -> None:
    arn = "arn:aws:states:us-east-1:000000000000:"
    assert list_rows.target_name(f"{arn}execution:order:o-1 Approve") == "o-1 Approve"
    assert list_rows.target_name(f"{arn}stateMachine:order:3") == "order:3"
    assert list_rows.target_name("sync") == "sync"


def test_executions_at_79_cells() -> None:
    lines = [shown(rows.EXECUTIONS, execution(number), 79) for number in (1000, 997, 996, 988, 3)]
    assert lines == [
        "▶ order-1000         order-fulfi… RUNNING   19:13:56  13.0s Encode   ƒ task",
        "✗ 2e0cee55-0997      order-fulfi… FAILED    19:04:23  6m38s Charge   Card.Busy",
        "▶ 8fd574a4-0996      order-fulfi… RUNNING   19:01:13 12m55s Approve  ▣ prompt",
        "◷ 9e19a71c-0988      order-fulfi… TIMED OUT 18:35:47  6m29s Charge   States.Ti…",
        "✓ daa66d13-0003      disk-runbook SUCCEEDED 21 Nov     4.7s",
    ]


def test_an_execution_that_left_the_filter_stays_in_its_place_without_a_time() -> None:
    line = shown(rows.EXECUTIONS, execution(998) | {"gone": True}, 79)
    assert line == "✓ cc446806-0998      order-fulfi… SUCCEEDED 19:07:34"
    line = shown(rows.EXECUTIONS, execution(998) | {"gone": True, "status": ""}, 79)
    assert line == "· cc446806-0998      order-fulfi… changed   19:07:34"


async def test_prompts_machines_files_schedules_and_queues_have_rows() -> None:
    daemon = FakeDaemon()
    machine, refused = (await daemon.machines())[0], (await daemon.files())[0]
    assert [shown(rows.INBOX, prompt, 79) for prompt in daemon.open] == [
        "▣ in 12m   Approve the refund    order-1000      refunds     eva      29m ago",
        "▣ –        Approve the order     order-1000      sales       –        29m ago",
        "▣ 1h late  Name the release      order-1000      sales       @ops     1d ago",
        "ƒ –        WaitForPartner        order-1000      –           –        40s ago",
    ]
    told = shown(rows.MACHINES, machine, 100).split()
    assert told[:7] == ["▶", "order-fulfilment", "standard", "v9", "127", "812✓", "19✗"] and "4.2s" in told
    assert told[-2:] == ["updated", "19:13:09"]
    assert "41:17 MISSING_TRANSITION_TARGET Missing" in shown(rows.MACHINES, refused, 150)
    assert shown(rows.SCHEDULES, (await daemon.schedules())[1], 79) == (
        "■ sync             paused rate(15 minutes)     –                    ✗ 10m ago"
    )
    assert "nobody polls" in shown(list_rows.QUEUES, (await daemon.queues())[1], 79)
    ours = {"name": "swf/decision/flowd/desk", "taskList": "desk", "domain": "flowd", "tasks": "decision"}
    assert list_rows.queue_name(ours) == "desk of flowd: decisions"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"output": '{"decision": "approve", "comment": "fine", "amount": 3, "note": ""}'},
         "approve, comment: fine, amount: 3"),
        ({"output": '{"amount": 3}'}, '{"amount": 3}'),
        ({"output": '"a\u001b[31m"'}, '"a"'),
        ({"error": "Refund.No"}, "failed it: Refund.No"),
    ],
)  # fmt: skip
def test_an_answer_is_told_on_one_line(answer: dict[str, str], told: str) -> None:
    assert rows.told_answer(answer) == told


def test_the_counts_leave_out_what_nobody_has() -> None:
    assert joined(rows.counts_line({"RUNNING": 1200, "ABORTED": 0, "FAILED": 3})) == "▶ 1,200  ✗ 3"


async def test_the_health_page_names_what_is_wrong() -> None:
    health = await FakeDaemon().health()
    health |= {"runner": {"status": "down", "detail": "socket refused"}, "writable": False}
    page = {label: joined(spans) for label, spans in rows.health_lines(health, HERE)}
    assert page["runner"] == "✗ down  socket refused"
    assert page["writable"] == "✗ no"
    assert page["workflows"] == "/srv/workflows  ✗ 1 rejected"
    assert page["up"] == "3d04h  since 20 Nov 15:04"


def test_the_first_fact_of_a_header_stays_and_a_long_name_is_cut_for_it() -> None:
    name, right = "106fda77-eebe-4f33-b023-0646bbb025a1", [Span("▣ inbox 5  ✗ no answer for 17s")]
    facts = [Span("▶ RUNNING"), Span("  2m17s"), Span("  v1")]
    line = joined(header_line(("flowd", "executions", name), facts, right, 80))
    assert line == " executions › 106fda77-eeb…bbb025a1   ▶ RUNNING  ▣ inbox 5  ✗ no answer for 17s"
    line = joined(header_line(("flowd", "executions", name), facts, [Span("▣ inbox 4 (1 due)  ● live")], 80))
    assert line == " executions › 106fda77-e…bbb025a1   ▶ RUNNING  2m17s  ▣ inbox 4 (1 due)  ● live"
