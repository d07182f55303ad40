"""Claims, assignments, comments, drafts and reminders of prompts, over the socket."""

from __future__ import annotations

import asyncio
import grp
import json
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlmodel import select

from flowd.api.wire import app
from flowd.api.wire.caller import groups_of
from flowd.store import schema
from tests.api.box import Box, activity_machine

TEAM = "arn:aws:states:us-east-1:000000000000:activity:team"
As = Callable[[str], Any]


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> As:
    """`with as_user("eva"):` requests come from her."""

    @contextmanager
    def user(name: str) -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(app, "user_name", lambda uid: name)
            yield

    return user


async def ask(box: Box, **prompt: Any) -> str:
    machine = activity_machine(TEAM, Parameters={"Prompt": {"Title": "Go?", **prompt}}, TimeoutSeconds=864_000)
    await box.run(await box.machine(machine))
    return str((await listed(box))["id"])


async def listed(box: Box) -> dict[str, Any]:
    found: dict[str, Any] = (await box.flowd("ListPrompts"))["prompts"][0]
    return found


async def test_a_claim_keeps_others_out_until_it_runs_out(box: Box, as_user: As) -> None:
    prompt = await ask(box)
    with as_user("eva"):
        claimed = await box.flowd("ClaimPrompt", id=prompt)
        assert claimed["claimedBy"] == "eva"
        assert claimed["claimedUntil"] == box.world.clock.now_ms() / 1000 + 900
    with as_user("bob"):
        refused = await box.flowd_refused("ClaimPrompt", id=prompt)
        assert (refused.code, refused.members["by"]) == ("ConflictException", "eva")
        answer = await box.flowd_refused("AnswerPrompt", id=prompt, output="1")
        assert (answer.code, answer.members["by"]) == ("ConflictException", "eva")
        await box.flowd("ReleasePrompt", id=prompt)
    assert (await listed(box))["claimedBy"] == "eva"
    await box.world.pass_time(600)
    with as_user("eva"):
        await box.flowd("ClaimPrompt", id=prompt)
    await box.world.pass_time(600)
    assert (await listed(box))["claimedBy"] == "eva"
    await box.world.pass_time(301)
    assert "claimedBy" not in await listed(box)
    with as_user("bob"):
        assert (await box.flowd("AnswerPrompt", id=prompt, output="1"))["by"] == "bob"


async def test_a_claim_can_be_taken_over_and_stands_in_the_audit(box: Box, as_user: As) -> None:
    prompt = await ask(box)
    with as_user("eva"):
        await box.flowd("ClaimPrompt", id=prompt)
    with as_user("bob"):
        assert (await box.flowd("ClaimPrompt", id=prompt, force=True))["claimedBy"] == "bob"
    with as_user("eva"):
        assert (await box.flowd_refused("AnswerPrompt", id=prompt, output="1")).members["by"] == "bob"
    entries = [(each["who"], each["verb"], each.get("detail")) for each in (await box.flowd("ListAudit"))["entries"]]
    assert entries[:2] == [("bob", "ClaimPrompt", "taken over from eva"), ("eva", "ClaimPrompt", None)]


async def test_of_many_that_take_it_over_at_once_each_is_told_of_the_one_before(box: Box) -> None:
    prompt, holds = await ask(box), box.services.desk.holds
    people = [f"p{number}" for number in range(8)]
    claims = await asyncio.gather(*(holds.claim(prompt, who, force=True) for who in people))
    assert [hold.claimed_by for hold in claims] == people
    entries = (await box.flowd("ListAudit"))["entries"][: len(people)]
    told = {each["who"]: each.get("detail", "").removeprefix("taken over from ") for each in entries}
    chain = [""]
    while (after := [who for who, before in told.items() if before == chain[-1]]) and len(chain) <= len(people):
        chain.append(*after)
    assert sorted(chain[1:]) == people
    assert chain[-1] == (await listed(box))["claimedBy"]


async def test_a_claim_that_was_taken_over_meanwhile_is_not_let_go(box: Box) -> None:
    prompt, holds = await ask(box), box.services.desk.holds
    await holds.claim(prompt, "eva")
    over, *_ = await asyncio.gather(
        holds.claim(prompt, "bob", force=True), holds.release(prompt, "eva"), holds.postpone(prompt, None, "eva")
    )
    assert over.claimed_by == "bob"
    assert (await listed(box))["claimedBy"] == "bob"
    entries = (await box.flowd("ListAudit"))["entries"]
    taken = [each.get("detail") for each in entries if (each["who"], each["verb"]) == ("bob", "ClaimPrompt")]
    assert not (taken == ["taken over from eva"] and any(each["verb"] == "ReleasePrompt" for each in entries))


async def test_claims_comments_and_drafts_survive_a_restart(box: Box, as_user: As) -> None:
    prompt = await ask(box)
    with as_user("eva"):
        await box.flowd("ClaimPrompt", id=prompt)
        await box.flowd("CommentPrompt", id=prompt, text="asked the bank")
        await box.flowd("SaveDraft", id=prompt, body='{"amount": 1}')
    await box.restart()
    with as_user("bob"):
        about = await box.flowd("GetPrompt", id=prompt)
        assert (about["claimedBy"], about["comments"][0]["by"], about["comments"][0]["text"]) == (
            "eva",
            "eva",
            "asked the bank",
        )
        assert "draft" not in about
    with as_user("eva"):
        assert (await box.flowd("GetPrompt", id=prompt))["draft"]["body"] == '{"amount": 1}'
        await box.flowd("SaveDraft", id=prompt)
        assert "draft" not in await box.flowd("GetPrompt", id=prompt)
        await box.flowd("SaveDraft", id=prompt, body="{}")
        await box.flowd("AnswerPrompt", id=prompt, output="1")
        about = await box.flowd("GetPrompt", id=prompt)
        assert "draft" not in about and "claimedBy" not in about
        assert about["comments"][0]["text"] == "asked the bank"


async def test_what_is_put_off_stays_open_and_comes_back(box: Box, as_user: As) -> None:
    prompt = await ask(box, Assignees="eva")
    later = box.world.clock.now_ms() / 1000 + 3600
    with as_user("eva"):
        await box.flowd("ClaimPrompt", id=prompt)
        given = await box.flowd("PostponePrompt", id=prompt, until=later)
        assert given == {"id": prompt, "laterUntil": later}
    assert (await listed(box))["laterUntil"] == later
    assert (await box.flowd("ListAudit", limit=1))["entries"][0]["verb"] == "PostponePrompt"
    await box.flowd("PostponePrompt", id=prompt)
    assert "laterUntil" not in await listed(box)
    for wrong in (later - 7200, later + 400 * 86_400):
        assert (await box.flowd_refused("PostponePrompt", id=prompt, until=wrong)).code == "ValidationException"


async def test_whoever_delegates_lets_go_of_the_claim(box: Box, as_user: As) -> None:
    prompt = await ask(box, Assignees="eva")
    with as_user("eva"):
        await box.flowd("ClaimPrompt", id=prompt)
        given = await box.flowd("AssignPrompt", id=prompt, to="bob", comment="you know him")
        assert (given["assignedTo"], given["assignedBy"], "claimedBy" in given) == ("bob", "eva", False)
    shown = await listed(box)
    assert (shown["assignedTo"], shown["comments"], shown["assignees"]) == ("bob", 1, ["eva"])
    with as_user("bob"):
        await box.flowd("AssignPrompt", id=prompt)
    assert "assignedTo" not in await listed(box)


OURS = grp.getgrgid(pwd.getpwuid(os.getuid()).pw_gid).gr_name


async def test_a_prompt_for_groups_tells_the_caller_which_of_them_are_theirs(box: Box) -> None:
    prompt = await ask(box, Groups=["no-such-group", OURS, 7])
    shown = await listed(box)
    assert (shown["groups"], shown["yourGroups"]) == (["no-such-group", OURS], [OURS])
    _, over_tcp = await box.raw_swf("ListPrompts", {}, prefix="Flowd")
    assert over_tcp["prompts"][0]["groups"] == shown["groups"] and "yourGroups" not in over_tcp["prompts"][0]
    await box.flowd("AnswerPrompt", id=prompt, output="1")
    (answered,) = (await box.flowd("ListPrompts", closed=True))["prompts"]
    assert answered["groups"] == shown["groups"] and "yourGroups" not in answered


async def test_whoever_is_in_none_of_its_groups_may_claim_and_answer_it(box: Box, as_user: As) -> None:
    prompt = await ask(box, Groups="no-such-group")
    assert "yourGroups" not in await listed(box)
    with as_user("eva"):
        assert (await box.flowd("ClaimPrompt", id=prompt))["claimedBy"] == "eva"
        assert (await box.flowd("AnswerPrompt", id=prompt, output="1"))["by"] == "eva"


def test_a_user_is_in_their_own_group_and_in_those_that_list_them(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {
        "eva": grp.struct_group(("eva", "x", 1001, [])),
        "ops": grp.struct_group(("ops", "x", 50, ["bob", "eva"])),
        "desk": grp.struct_group(("desk", "x", 51, ["bob"])),
    }
    user = pwd.struct_passwd(("eva", "x", 1001, 1001, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: {1001: user}[uid])
    monkeypatch.setattr(grp, "getgrnam", lambda name: groups[name])
    assert groups_of(1001, ["eva", "ops", "desk", "unknown"]) == {"eva", "ops"}
    assert groups_of(4711, ["ops"]) == set()


def test_a_name_that_no_group_can_have_is_nobodys() -> None:
    assert groups_of(os.getuid(), ["a\0b", "", OURS]) == {OURS}


async def test_choices_limit_the_answer_without_using_it_up(box: Box) -> None:
    prompt = await ask(box, Choices=["1.9", {"Label": "two", "Value": 2}])
    for wrong in ('"3"', '{"decision": "3"}', "{}"):
        assert (await box.flowd_refused("AnswerPrompt", id=prompt, output=wrong)).code == "ValidationException"
    await box.flowd("AnswerPrompt", id=prompt, output='{"decision": 2, "comment": "x"}')


async def test_a_reminder_comes_again_and_at_last_somebody_else_is_named(box: Box) -> None:
    await ask(box, Reminder={"Seconds": 60, "Times": 2, "EscalateTo": "boss"})
    watch = (await box.flowd("Watch", timeoutSeconds=0))["cursor"]

    async def after(seconds: float) -> dict[str, Any]:
        await box.world.pass_time(seconds)
        while not box.services.desk.reminders.idle:
            await box.flowd("Watch", timeoutSeconds=0.01)
        return await listed(box)

    assert "reminded" not in await after(59)
    assert (await after(2))["reminded"] == 1
    again = await after(60)
    assert (again["reminded"], again["assignedTo"], again["assignedBy"]) == (2, "boss", "flowd")
    news = (await box.flowd("Watch", cursor=watch))["changes"]
    assert [each["status"] for each in news if each["kind"] == "prompt"] == ["ESCALATED"]
    await box.restart()
    assert (await after(90))["reminded"] == 3


async def test_a_reminder_tells_the_hooks(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    reminders = box.services.desk.reminders
    monkeypatch.setattr(reminders, "_notices", True)
    prompt = await ask(box, Reminder=60)
    await box.world.pass_time(61)
    while not reminders.idle:
        await box.flowd("Watch", timeoutSeconds=0.01)
    rows = await box.services.core.db.read(lambda session: list(session.exec(select(schema.Hook))))
    assert [json.loads(row.body)["prompt"] for row in rows] == [prompt]


@pytest.mark.parametrize(
    ("operation", "members", "code"),
    [
        ("ClaimPrompt", {"id": "nope"}, "ResourceNotFound"),
        ("CommentPrompt", {"id": "nope", "text": "x"}, "ResourceNotFound"),
        ("SaveDraft", {"id": "nope", "body": "x"}, "ResourceNotFound"),
        ("AssignPrompt", {"id": "nope", "to": "x"}, "ResourceNotFound"),
        ("PostponePrompt", {"id": "nope"}, "ResourceNotFound"),
        ("CommentPrompt", {"id": "1", "text": " "}, "ValidationException"),
        ("ClaimPrompt", {}, "ValidationException"),
    ],
)
async def test_what_makes_no_sense_is_refused(box: Box, operation: str, members: dict[str, Any], code: str) -> None:
    assert (await box.flowd_refused(operation, **members)).code == code
