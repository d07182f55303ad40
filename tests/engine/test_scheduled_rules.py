"""Scheduled rules on a whole engine: the alarm clock rings for them, also after a night without a daemon."""

from __future__ import annotations

from pathlib import Path

from tests.engine.projectbox import Box

QUEUE = "arn:aws:sqs:us-east-1:000000000000:jobs"


async def received(box: Box, url: str) -> int:
    found = (await box.ask("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)).get("Messages", [])
    for message in found:
        await box.ask("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return len(found)


async def test_a_rule_rings_by_itself_and_once_for_a_night_without_a_daemon(tmp_path: Path) -> None:
    async with Box(tmp_path) as box:
        url = (await box.ask("sqs", "CreateQueue", QueueName="jobs"))["QueueUrl"]
        await box.ask("events", "PutRule", Name="r", ScheduleExpression="rate(5 minutes)")
        await box.ask("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": QUEUE}])
        assert await received(box, url) == 0
        await box.pass_time(300)
        assert await received(box, url) == 1
        await box.core.stop()
        box.clock.set(box.clock.now_ms() + 8 * 3_600_000)
        await box.boot()
        assert await received(box, url) == 1


async def test_a_rule_planned_by_a_clock_a_year_ahead_goes_on_when_the_clock_is_set_right(tmp_path: Path) -> None:
    year_s = 365 * 86_400
    async with Box(tmp_path) as box:
        url = (await box.ask("sqs", "CreateQueue", QueueName="jobs"))["QueueUrl"]
        await box.ask("events", "PutRule", Name="r", ScheduleExpression="rate(5 minutes)")
        await box.ask("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": QUEUE}])
        await box.pass_time(year_s)
        await box.ask("sqs", "PurgeQueue", QueueUrl=url)
        box.clock.advance(-year_s)
        box.core.alarms.moved()
        await box.settle()
        await box.pass_time(300)
        assert await received(box, url) == 1


async def test_a_replay_goes_on_by_itself_until_all_is_sent(tmp_path: Path) -> None:
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
    async with Box(tmp_path) as box:
        url = (await box.ask("sqs", "CreateQueue", QueueName="jobs"))["QueueUrl"]
        await box.ask("events", "CreateArchive", ArchiveName="all", EventSourceArn=bus)
        begin_s = box.clock.now_ms() / 1000
        for _ in range(11):
            entry = {"Source": "shop", "DetailType": "x", "Detail": "{}"}
            await box.core.embedded.invoke("events", "PutEvents", {"Entries": [entry] * 10})
        await box.ask("events", "PutRule", Name="r", EventPattern='{"source": ["shop"]}')
        await box.ask("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": QUEUE}])
        source = "arn:aws:events:us-east-1:000000000000:archive/all"
        span = {"EventStartTime": begin_s, "EventEndTime": begin_s + 60, "Destination": {"Arn": bus}}
        await box.ask("events", "StartReplay", ReplayName="again", EventSourceArn=source, **span)
        await box.pass_time(1)
        counted = await box.ask("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
        assert counted["Attributes"]["ApproximateNumberOfMessages"] == "110"
        assert (await box.ask("events", "DescribeReplay", ReplayName="again"))["State"] == "COMPLETED"
