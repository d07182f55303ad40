"""The inbox and the form of a prompt."""

from __future__ import annotations

import asyncio

import pytest
from textual.pilot import Pilot

from console.app import FlowdApp
from console.client import Item, RemoteError
from tests.console.conftest import Console
from tests.console.driver import goes_to, notices, screen_text, sees, sees_no, until
from tests.console.fake import REFUND, FakeDaemon, prompt
from tests.console.stories import NOW


async def open_prompt(pilot: Pilot[int], *keys: str, title: str) -> None:
    await sees(pilot, "● live")
    await goes_to(pilot, "inbox")
    await sees(pilot, "Approve the refund")
    await pilot.press(*keys, "enter")
    await sees(pilot, f"inbox › {title}")
    await until(pilot, lambda: pilot.app.focused is not None)


async def test_what_is_due_stands_first(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "inbox")
        text = await sees(pilot, "3 prompts · 1 open token")
        titles = [line for line in text.splitlines() if "order-1000 " in line]
        assert ["1h late" in titles[0], "in 12m" in titles[1], "WaitForPartner" in titles[3]] == [True] * 3


async def test_a_tab_that_is_chosen_while_another_is_read_gets_its_own_rows(
    console: Console, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read for the open ones came as rows of answers, which ended the console."""
    goes_on, asked, read = asyncio.Event(), asyncio.Event(), daemon.prompts

    async def held_up(closed: bool) -> list[Item]:
        found = await read(closed)
        asked.set()
        await goes_on.wait()
        return found

    async with console() as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "inbox")
        await sees(pilot, "3 prompts · 1 open token")
        monkeypatch.setattr(daemon, "prompts", held_up)
        await pilot.press("ctrl+r")
        await until(pilot, asked.is_set)
        await pilot.press("5")
        goes_on.set()
        text = await sees(pilot, "✓ 1 answer")
        assert "eva" in text and "1 open token" not in text


async def test_a_form_with_all_kinds_of_fields_fits_and_its_answer_is_sent(
    console: Console, daemon: FakeDaemon
) -> None:
    async with console() as pilot:
        await open_prompt(pilot, "j", title="Approve the refund")
        await sees(pilot, "(●) yes", "E-mail *", "Shown to the customer.")
        await pilot.press("right", "down", *["backspace"] * 5, *"99.50", "down", *"2", "tab", *"late", "tab", "tab")
        await pilot.press("right", "tab", "space", "right", "right", "space", "tab", *"eva@example.com", "ctrl+s")
        await until(pilot, lambda: daemon.calls)
        assert daemon.calls == [
            ("answer", "7f3a", {
                "decision": "reject", "amount": 99.5, "retries": 2, "reason": "late", "country": "CH",
                "notify": False, "channels": ["mail", "push"], "approver": {"email": "eva@example.com"},
            }, ""),
        ]  # fmt: skip
        await sees(pilot, "flowd › inbox")
        assert isinstance(pilot.app, FlowdApp) and pilot.app.drafts == {}


async def test_complaints_stand_at_their_fields_and_nothing_is_sent(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await open_prompt(pilot, "j", title="Approve the refund")
        await pilot.press("ctrl+s")
        text = await sees(pilot, "✗ required")
        assert text.count("✗ required") == 2 and daemon.calls == []
        await until(pilot, lambda: "2 fields to mend" in notices(pilot))


async def test_the_daemons_complaints_stand_at_their_fields_too(console: Console, daemon: FakeDaemon) -> None:
    daemon.open = [prompt("1", title="One", schema={"type": "object", "properties": {"a": {"type": "string"}}})]
    members = {"errors": [{"path": "$.a", "message": "is taken"}]}
    daemon.refuse = RemoteError("ValidationException", "the answer does not fit", members)
    async with console() as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "inbox")
        await sees(pilot, "One")
        await pilot.press("enter")
        await sees(pilot, "inbox › One")
        await until(pilot, lambda: pilot.app.focused is not None)
        await pilot.press("x", "ctrl+s")
        await sees(pilot, "✗ is taken")


async def test_a_conflict_says_who_was_first_and_keeps_what_was_typed(console: Console, daemon: FakeDaemon) -> None:
    daemon.refuse = RemoteError("ConflictException", "eva answered 19c2 with another decision 2 minutes ago")
    async with console() as pilot:
        await open_prompt(pilot, "j", "j", title="Approve the order")
        await pilot.press("space", "ctrl+s")
        await sees(pilot, "✗ eva answered 19c2", "(●) approve")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "submit: it is answered already" in notices(pilot))


async def test_a_prompt_someone_else_answers_meanwhile_says_so(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await open_prompt(pilot, "j", "j", title="Approve the order")
        answer = {"output": "{}", "by": "eva", "at": daemon.open[1]["askedAt"] + 1700}
        daemon.closed.append(daemon.open.pop(1) | {"answer": answer})
        daemon.tell({"kind": "prompt", "id": "19c2"})
        await sees(pilot, "✗ answered by eva")


async def test_a_draft_outlives_the_line_and_the_screen(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await open_prompt(pilot, "j", "j", title="Approve the order")
        await pilot.press("right", "tab", *"too dear")
        daemon.cut()
        await sees(pilot, "✗ no daemon", "too dear")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "submit: no daemon answers" in notices(pilot))
        daemon.mend()
        await pilot.press("ctrl+r")
        await sees(pilot, "● live", "too dear")
        await pilot.press("escape")
        await sees(pilot, "flowd › inbox")
        await pilot.press("enter")
        await sees(pilot, "(●) reject", "too dear")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: daemon.calls)
        assert daemon.calls == [("answer", "19c2", {"decision": "reject", "comment": "too dear"}, "too dear")]


async def test_an_open_token_takes_json_or_fails_by_hand(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await open_prompt(pilot, "G", title="WaitForPartner")
        await pilot.press(*"{x", "ctrl+s")
        await sees(pilot, "✗ not JSON: line 1, column 2")
        await pilot.press("ctrl+n")
        await sees(pilot, "Fail this task", "Rejected")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: daemon.calls)
        assert daemon.calls == [("fail", "a001", "Rejected", "")]


async def test_the_answered_ones_show_the_answer_and_who_gave_it(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "inbox")
        await sees(pilot, "Approve the refund")
        await pilot.press("d")
        await sees(pilot, "1 answer", 'eva 10m ago: {"decision":"approve"}')
        await pilot.press("enter")
        await sees(pilot, "answered by eva 10m ago", '"decision": "approve"')


async def test_the_input_of_the_task_is_one_key_away(console: Console) -> None:
    async with console() as pilot:
        await open_prompt(pilot, "j", title="Approve the refund")
        await pilot.press("ctrl+t")
        await sees(pilot, '"total": 1250.5')


async def test_markup_in_a_prompt_is_only_text(console: Console, daemon: FakeDaemon) -> None:
    daemon.open = [prompt("1", title="[b]Pay[/b]\x1b[31m", message="[red]all[/]", schema=REFUND, queue="q\x07")]
    async with console() as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "inbox")
        await sees(pilot, "[b]Pay[/b]")
        await pilot.press("enter")
        await sees(pilot, "[red]all[/]")
        assert "\x1b" not in screen_text(pilot)


async def test_a_claim_shows_who_works_on_it_and_can_be_taken_over(console: Console, daemon: FakeDaemon) -> None:
    daemon.open[1] |= {"claimedBy": "eva", "claimedUntil": NOW + 600}
    async with console(120, 30) as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "eva*", "Approve the refund")
        await pilot.press("j", "c")
        await until(pilot, lambda: ("ClaimPrompt", {"id": "7f3a"}) in daemon.asked)
        await sees(pilot, "you*", "▣ claimed by you, lease 15m00s")
        await pilot.press("2")
        await sees(pilot, "mine 1")
        assert "Name the release" not in screen_text(pilot)
        await pilot.press("1", "G")
        await sees(pilot, "Name the release")
        await pilot.press("g", "j", "j")
        await sees(pilot, "▣ claimed by eva, lease 10m00s")
        await pilot.press("c")
        await sees(pilot, "Take it from eva?")
        await pilot.press("y")
        await until(pilot, lambda: ("ClaimPrompt", {"id": "19c2", "force": True}) in daemon.asked)


async def test_a_prompt_is_handed_over_with_a_remark(console: Console, daemon: FakeDaemon) -> None:
    async with console(120, 30) as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "Approve the refund")
        await pilot.press("j", "A")
        await sees(pilot, "Who shall answer Approve the refund?")
        await pilot.press(*"bob", "tab", *"you know him", "enter")
        await until(pilot, lambda: daemon.asked)
        assert daemon.asked == [("AssignPrompt", {"id": "7f3a", "to": "bob", "comment": "you know him"})]
        await sees(pilot, "for bob (by you)")
        await pilot.press("m", *"called the bank", "enter")
        await sees(pilot, "you just now: called the bank")


async def test_a_prompt_without_a_form_is_approved_from_the_list(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "Approve the order")
        await pilot.press("a")
        await until(pilot, lambda: "approve: it has a form of its own" in notices(pilot))
        await pilot.press("j", "j", "r")
        await sees(pilot, "Reject: Approve the order")
        await pilot.press(*"too dear", "enter")
        await until(pilot, lambda: daemon.calls)
        assert daemon.calls == [("answer", "19c2", {"decision": "reject", "comment": "too dear"}, "too dear")]


async def test_what_is_typed_is_kept_by_the_daemon(console: Console, daemon: FakeDaemon) -> None:
    daemon.drafts["7f3a"] = '[[["reason"], "typed elsewhere"]]'
    async with console(100, 30) as pilot:
        await open_prompt(pilot, "j", title="Approve the refund")
        await sees(pilot, "typed elsewhere")
        await pilot.press("tab", "tab", "tab", "end", *" too")
        await sees(pilot, "typed elsewhere too")
        await until(pilot, lambda: "typed elsewhere too" in daemon.drafts["7f3a"], "the daemon has it")


async def test_the_form_tells_who_else_has_it_open(console: Console, daemon: FakeDaemon) -> None:
    daemon.attached = [{"who": "eva", "console": "other", "looksAt": "prompt 7f3a", "since": 1.0}]
    async with console(100, 30) as pilot:
        await open_prompt(pilot, "j", title="Approve the refund")
        await sees(pilot, "open by eva")


async def test_answered_prompts_tell_who_and_what(console: Console) -> None:
    async with console(100, 30) as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "Approve the refund")
        await pilot.press("5")
        text = await sees(pilot, "✓ 1 answer", "answered", "by")
        line = next(line for line in text.splitlines() if "10m ago" in line and "▌" in line)
        assert line.split()[:8] == ["▌✓", "10m", "ago", "Approve", "the", "order", "eva", "approve"]
        await pilot.press("1")
        await sees(pilot, "due", "Approve the refund")


async def test_a_prompt_is_put_off_to_the_end_of_the_list(console: Console, daemon: FakeDaemon) -> None:
    async with console(100, 30) as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "Approve the order")
        await pilot.press("g", "j", "j", "L")
        await sees(pilot, "Put off Approve the", "until")
        await pilot.press(*"soon", "enter")
        await sees(pilot, "✗ not a date: 'soon'")
        await pilot.press("ctrl+u", *"2h", "enter")
        await until(pilot, lambda: daemon.asked)
        verb, members = daemon.asked[-1]
        assert verb == "PostponePrompt" and round(members["until"] - NOW) == 7200
        text = await sees(pilot, "◷ in 2h", "put off until")
        rows = [line for line in text.splitlines() if "ago" in line and ("▣" in line or "ƒ" in line)]
        assert "◷" in rows[3]


async def test_what_waits_for_a_group_of_ones_own_has_a_tab_until_somebody_takes_it(
    console: Console, daemon: FakeDaemon
) -> None:
    daemon.open.append(prompt("77aa", title="Name the ship", groups=["crew"]))
    async with console(120, 30) as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "3 group ops 1", "4 free 2", "@ops", "@crew")
        await pilot.press("3")
        await sees_no(pilot, "Name the ship")
        text = await sees(pilot, "Name the release", "group ops")
        assert "Approve the refund" not in text
        await pilot.press("c")
        await sees(pilot, "2 mine 1", "3 group ops 0", "nothing waits for a group of yours")
        assert ("ClaimPrompt", {"id": "55e0"}) in daemon.asked


async def test_the_form_tells_which_groups_are_asked(console: Console, daemon: FakeDaemon) -> None:
    daemon.open[1] |= {"groups": ["ops", "desk"], "yourGroups": ["ops", "desk"]}
    async with console(140, 30) as pilot:
        await open_prompt(pilot, "j", "j", title="Approve the order")
        await sees(pilot, "groups ops, desk")
        await pilot.press("escape")
        await sees(pilot, "3 group 2")
