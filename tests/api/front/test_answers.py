"""Callbacks by token, and decisions by signed link: once, in time, and by nobody who changed the link."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from flowd.api.front.links import BadLink, Choice, Link, sign, signing_key, verify
from tests.api.box import Box
from tests.api.front.stage import BASE, Stage

ROLE = "arn:aws:iam::000000000000:role/flowd"
HUMAN = {
    "Prompt": {
        "Title": "Ship <it>?",
        "Message": "Above 500",
        "Schema": {"type": "object", "properties": {"approved": {"type": "boolean"}}, "required": ["approved"]},
    },
    "order": "o-1",
}


async def asking(box: Box, parameters: Any = None) -> str:
    """An execution that waits for an answer; its ARN."""
    activity = await box.call("create_activity", name="desk")
    state = {"Type": "Task", "Resource": activity["activityArn"], "Parameters": parameters or HUMAN, "End": True}
    definition = json.dumps({"StartAt": "Ask", "States": {"Ask": state}})
    found = await box.call("create_state_machine", name="asks", definition=definition, roleArn=ROLE)
    begun = await box.call("start_execution", stateMachineArn=found["stateMachineArn"], name="run")
    await box.world.settle()
    return str(begun["executionArn"])


async def ended(box: Box, arn: str) -> dict[str, Any]:
    await box.world.settle()
    found: dict[str, Any] = await box.call("describe_execution", executionArn=arn)
    return found


async def token_of(box: Box) -> str:
    found = await box.call("get_activity_task", activityArn="arn:aws:states:us-east-1:000000000000:activity:desk")
    return str(found["taskToken"])


async def link(box: Box, **members: Any) -> str:
    """The path of a link for the open prompt."""
    if "taskToken" not in members:
        [prompt] = (await box.flowd("ListPrompts"))["prompts"]
        members["promptId"] = prompt["id"]
    url = (await box.flowd("CreateLink", **members))["url"]
    assert url.startswith(BASE)
    return str(url.removeprefix(BASE))


async def test_a_callback_completes_its_task(box: Box) -> None:
    stage, arn = Stage(box), await asking(box, {"a": 1})
    token = await token_of(box)
    assert await stage.json("POST", f"/callback/{token}/heartbeat") == (200, {})
    assert await stage.json("POST", f"/callback/{token}", json={"done": True}) == (200, {})
    assert json.loads((await ended(box, arn))["output"]) == {"done": True}
    status, body = await stage.json("POST", f"/callback/{token}", json={})
    assert (status, body["code"]) == (410, "TaskTimedOut")


async def test_a_callback_fails_its_task(box: Box) -> None:
    stage, arn = Stage(box), await asking(box, {"a": 1})
    token = await token_of(box)
    assert (await stage.json("POST", f"/callback/{token}/failure", json={"error": 7}))[0] == 400
    assert await stage.json("POST", f"/callback/{token}/failure", json={"error": "E", "cause": "c"}) == (200, {})
    found = await ended(box, arn)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "E", "c")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/callback/x", 405), ("POST", "/callback/x/y", 404)])
async def test_what_is_no_callback_is_refused(box: Box, method: str, path: str, status: int) -> None:
    assert (await Stage(box).ask(method, path)).status_code == status


async def test_an_unknown_token_is_not_found(box: Box) -> None:
    status, body = await Stage(box).json("POST", "/callback/nonsense", json={})
    assert (status, body["code"]) == (404, "InvalidToken")


async def test_opening_a_link_asks_and_its_form_decides_once(box: Box) -> None:
    stage, arn = Stage(box), await asking(box)
    path = await link(box)
    page = await stage.ask("GET", path)
    assert page.status_code == 200
    assert "Ship &lt;it&gt;?" in page.text
    assert "Above 500" in page.text
    assert "order: o-1" in page.text
    assert re.findall(r">(\w+)</button>", page.text) == ["Approve", "Reject"]
    assert "script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert (await ended(box, arn))["status"] == "RUNNING"  # looking decides nothing
    page = await stage.ask("POST", path, data={"choice": "0", "comment": "fine"})
    assert (page.status_code, "has been noted" in page.text) == (200, True)
    assert json.loads((await ended(box, arn))["output"]) == {"approved": True}
    for method in ("GET", "POST"):
        assert (await stage.ask(method, path, data={"choice": "1"})).status_code == 410


async def test_a_link_can_say_what_may_be_chosen(box: Box) -> None:
    stage, arn = Stage(box), await asking(box, {"a": 1})
    choices = [{"label": "Later", "error": "Postponed"}, {"label": "Now", "output": {"when": "now"}}]
    path = await link(box, taskToken=await token_of(box), choices=choices)
    page = await stage.ask("GET", path)
    assert re.findall(r">(\w+)</button>", page.text) == ["Later", "Now"]
    await stage.ask("POST", path, data={"choice": "0", "comment": "not today"})
    found = await ended(box, arn)
    assert (found["error"], found["cause"]) == ("Postponed", "not today")


async def test_an_answer_that_does_not_fit_is_told_on_the_page(box: Box) -> None:
    stage, arn = Stage(box), await asking(box)
    path = await link(box, choices=[{"label": "Maybe", "output": {"approved": "perhaps"}}])
    page = await stage.ask("POST", path, data={"choice": "0"})
    assert page.status_code == 400
    assert "does not fit its schema" in page.text
    assert (await stage.ask("POST", path, data={"choice": "9"})).status_code == 400
    assert (await ended(box, arn))["status"] == "RUNNING"


async def test_a_link_has_its_time(box: Box) -> None:
    stage = Stage(box)
    await asking(box)
    path = await link(box, expiresInSeconds=60)
    assert (await stage.ask("GET", path)).status_code == 200
    box.world.clock.advance(61)
    page = await stage.ask("GET", path)
    assert (page.status_code, "time of this link is over" in page.text) == (403, True)


async def test_a_link_that_was_changed_is_none(box: Box) -> None:
    stage = Stage(box)
    await asking(box)
    path = await link(box)
    forged = sign(Link("1", 1 << 40), signing_key("another secret"))
    for other in (path[:-2] + ("AA" if path[-2:] != "AA" else "BB"), path.replace(".", "x."), "/decide/x", forged):
        assert (await stage.ask("GET", other)).status_code == 403


async def test_whoever_has_a_token_gets_a_link_over_http(box: Box) -> None:
    stage, _ = Stage(box), await asking(box, {"a": 1})
    status, body = await stage.json("POST", "/links", json={"taskToken": await token_of(box)})
    assert status == 201
    page = await stage.ask("GET", body["url"].removeprefix(BASE))
    assert re.findall(r">(\w+)</button>", page.text) == ["Approve", "Reject"]
    assert (await stage.json("POST", "/links", json={"promptId": "1"}))[0] == 400
    assert (await stage.json("POST", "/links", json={"taskToken": "nonsense"}))[0] == 404


async def test_links_are_refused_with_the_way_out(box: Box) -> None:
    assert "approvals = true" in (await box.flowd_refused("CreateLink", promptId="1")).message
    Stage(box)
    assert "no open prompt" in (await box.flowd_refused("CreateLink", promptId="1")).message
    assert "only one" in (await box.flowd_refused("CreateLink")).message
    many = [{"label": str(n)} for n in range(13)]
    await asking(box)
    [prompt] = (await box.flowd("ListPrompts"))["prompts"]
    refused = await box.flowd_refused("CreateLink", promptId=prompt["id"], choices=many)
    assert "at most 12 choices" in refused.message


def test_a_link_survives_its_journey() -> None:
    made = Link("7f", 100, (Choice("Ja", {"ok": True}), Choice("Nein", error="No", cause="c")))
    key = signing_key("s")
    assert verify(sign(made, key), key, 99_999) == made
    with pytest.raises(BadLink, match="over"):
        verify(sign(made, key), key, 100_000)
