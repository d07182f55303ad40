"""Map Runs: children of their own, counted, limited, gathered in order; through crashes; with datasets and files."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flowd.integrations.ports import Failed
from flowd.store import history, mapruns, matching, schema
from tests.engine.world import World, function

PASS = {"Type": "Pass", "End": True}
DAY = 86_400


def distributed(state: dict[str, Any], kind: str = "STANDARD", **fields: Any) -> dict[str, Any]:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
        "StartAt": "Each",
        "States": {"Each": state},
    }
    return {"StartAt": "All", "States": {"All": {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}}}


async def children(world: World, arn: str) -> list[schema.Execution]:
    row = await world.execution(arn)
    runs = await world.core.db.read(partial(mapruns.of_execution, execution_id=row.id or 0, before=None, limit=10))
    found: list[schema.Execution] = []
    for run in reversed(runs):
        pages = partial(mapruns.results, run_id=run.id or 0, after=-1, limit=100_000)
        found += [result.row for result in await world.core.db.read(pages)]
    return found


async def the_run(world: World, arn: str) -> schema.MapRun:
    row = await world.execution(arn)
    (run,) = await world.core.db.read(partial(mapruns.of_execution, execution_id=row.id or 0, before=None, limit=2))
    return run


async def test_each_item_runs_as_an_execution_and_the_outputs_keep_their_order(world: World) -> None:
    arn = await world.start(await world.machine(distributed(PASS, Label="L")), ["a", {"b": 1}, 3])
    row = await world.execution(arn)
    assert (row.status, await world.output(arn)) == ("SUCCEEDED", ["a", {"b": 1}, 3])
    history = await world.history(arn)
    assert [f"{e.id}<{e.previous} {e.type}" for e in history] == [
        "1<0 ExecutionStarted",
        "2<0 MapStateEntered",
        "3<2 MapStateStarted",
        "4<3 MapRunStarted",
        "5<4 MapRunSucceeded",
        "6<5 MapStateSucceeded",
        "7<4 MapStateExited",
        "8<7 ExecutionSucceeded",
    ]
    run = await the_run(world, arn)
    assert history[3].details == {"mapRunArn": run.arn}
    assert run.arn.startswith("arn:aws:states:us-east-1:000000000000:mapRun:machine/L:")
    assert (run.status, run.items) == ("SUCCEEDED", 3)
    made = await children(world, arn)
    assert [child.map_item for child in made] == [0, 1, 2]
    assert all(child.arn == f"arn:aws:states:us-east-1:000000000000:execution:machine/L:{child.name}" for child in made)
    assert {child.machine_arn for child in made} == {"arn:aws:states:us-east-1:000000000000:stateMachine:machine/L"}
    assert await world.types(made[0].arn) == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]


def fails_for(*numbers: int) -> Any:
    return lambda call: Failed("Boom", f"item {call.parameters.value}") if call.parameters.value in numbers else "ok"


TASK = {"Type": "Task", "Resource": function("work"), "End": True}


async def test_children_outlive_their_retention_until_the_execution_of_their_map_run_is_deleted(world: World) -> None:
    wait = {"Type": "Wait", "SecondsPath": "$", "End": True}
    arn = await world.start(await world.machine(distributed(wait)), [1, 95 * DAY])
    parent = await world.execution(arn)

    async def expired() -> list[int]:
        await world.core.archivist.pack_all()
        before_ms = world.clock.now_ms() - 90 * DAY * 1000
        return await world.core.db.read(partial(history.expired, closed_before_ms=before_ms, limit=10))

    await world.pass_time(2)
    await world.pass_time(91 * DAY)
    ended, _ = await children(world, arn)
    assert (ended.status, await expired()) == ("SUCCEEDED", [])
    await world.pass_time(4 * DAY)
    assert await world.output(arn) == [1, 95 * DAY]
    await world.pass_time(91 * DAY)
    assert await expired() == [parent.id]
    made = await children(world, arn)
    await world.core.db.write(partial(history.delete, execution_ids=[parent.id or 0]))
    assert await expired() == [child.id for child in made]


async def test_more_failures_than_tolerated_fail_the_run_and_stop_what_runs(world: World) -> None:
    world.functions.handlers["work"] = fails_for(1, 3)
    machine = await world.machine(distributed(TASK, MaxConcurrency=1, ToleratedFailureCount=1))
    arn = await world.start(machine, list(range(10)))
    row = await world.execution(arn)
    assert (row.status, row.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert row.cause == "The specified tolerated failure threshold was exceeded"
    assert [child.status for child in await children(world, arn)] == ["SUCCEEDED", "FAILED", "SUCCEEDED", "FAILED"]
    assert (await world.types(arn))[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    assert (await the_run(world, arn)).status == "FAILED"


async def test_tolerated_failures_stand_in_the_result_as_records(world: World) -> None:
    world.functions.handlers["work"] = fails_for(1)
    machine = await world.machine(distributed(TASK, ToleratedFailurePercentage=50))
    arn = await world.start(machine, [0, 1])
    first, second = await world.output(arn)
    assert first == "ok"
    assert {name: second[name] for name in ("Error", "Cause", "Status", "Input")} == {
        "Error": "Boom",
        "Cause": "item 1",
        "Status": "FAILED",
        "Input": "1",
    }


async def test_stopping_the_parent_stops_the_children(world: World) -> None:
    machine = await world.machine(distributed({"Type": "Wait", "Seconds": 1000, "End": True}, MaxConcurrency=3))
    arn = await world.start(machine, list(range(9)))
    assert [child.status for child in await children(world, arn)] == ["RUNNING"] * 3
    await world.core.executions.stop(arn, None, None)
    await world.settle()
    assert [child.status for child in await children(world, arn)] == ["ABORTED"] * 3
    assert (await the_run(world, arn)).status == "ABORTED"
    assert not world.core.map_runs.busy


async def test_children_start_as_earlier_ones_end_and_over_a_restart(world: World) -> None:
    machine = await world.machine(distributed({"Type": "Wait", "Seconds": 10, "End": True}, MaxConcurrency=2))
    arn = await world.start(machine, list(range(5)))
    assert len(await children(world, arn)) == 2
    await world.reboot()
    await world.pass_time(10)
    assert len(await children(world, arn)) == 4
    await world.reboot()
    await world.pass_time(20)
    assert await world.output(arn) == list(range(5))


async def test_children_that_a_dead_daemon_could_not_stop_are_stopped_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = await world.machine(distributed({"Type": "Wait", "Seconds": 10, "End": True}))
    arn = await world.start(machine, [1, 2])
    monkeypatch.setattr(world.core.map_runs, "changed", lambda runs: None)  # it dies before it can act
    await world.core.executions.stop(arn, None, None)
    await world.reboot()
    assert [child.status for child in await children(world, arn)] == ["ABORTED"] * 2


async def test_items_are_selected_and_batched(world: World) -> None:
    definition = distributed(
        PASS,
        ItemsPath="$.rows",
        ItemSelector={"n.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "all.$": "$.common"},
        ItemBatcher={"MaxItemsPerBatch": 2, "BatchInput": {"id.$": "$.common"}},
    )
    arn = await world.start(await world.machine(definition), {"rows": ["a", "b", "c"], "common": 7})
    item = {"all": 7}
    assert await world.output(arn) == [
        {"BatchInput": {"id": 7}, "Items": [{"n": 0, "v": "a", **item}, {"n": 1, "v": "b", **item}]},
        {"BatchInput": {"id": 7}, "Items": [{"n": 2, "v": "c", **item}]},
    ]
    assert [(child.map_item, child.item_count) for child in await children(world, arn)] == [(0, 2), (2, 1)]


async def test_a_selector_that_fails_fails_the_run(world: World) -> None:
    arn = await world.start(await world.machine(distributed(PASS, ItemSelector={"x.$": "$.no"})), [1])
    row = await world.execution(arn)
    assert (row.status, row.error) == ("FAILED", "States.Runtime")
    assert "entered at the event id #2" in (row.cause or "")


async def test_express_children_and_jsonata(world: World) -> None:
    inner = {"Type": "Pass", "Output": "{% $states.input * 2 %}", "End": True}
    definition = {**distributed(inner, "EXPRESS"), "QueryLanguage": "JSONata"}
    arn = await world.start(await world.machine(definition), [1, 2, 3])
    assert await world.output(arn) == [2, 4, 6]
    assert {child.type for child in await children(world, arn)} == {"EXPRESS"}


async def test_a_map_run_inside_of_a_map_run(world: World) -> None:
    inner = distributed(PASS, Label="Inner")["States"]["All"]
    arn = await world.start(await world.machine(distributed(inner, Label="Outer")), [[1, 2], [], [3]])
    assert await world.output(arn) == [[1, 2], [], [3]]
    (first, *_) = await children(world, arn)
    (grandchild, *_) = await children(world, first.arn)
    assert grandchild.machine_arn.endswith(":stateMachine:machine/Inner")


async def test_children_are_counted_nowhere_but_in_their_run(world: World) -> None:
    await world.start(await world.machine(distributed(PASS)), [1, 2, 3])
    assert await world.core.db.read(partial(matching.count, wanted=matching.Filter())) == ({"SUCCEEDED": 1}, False)


BUCKET = "rows"


def put(world: World, key: str, text: str, bucket: str = BUCKET) -> None:
    path = world.path.parent / "s3" / bucket / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def reader(kind: str, **config: Any) -> dict[str, Any]:
    return {
        "Resource": "arn:aws:states:::s3:getObject",
        "Parameters": {"Bucket": BUCKET, "Key": "file"},
        "ReaderConfig": {"InputType": kind, **config},
    }


async def test_a_csv_file_is_read_as_recorded(world: World) -> None:
    put(world, "file", "Col1,Col2,Col3\nValue1,Value2,Value3\n,,,\ntrue,1,'HelloWorld'\nNull,None,\n   \n")
    machine = await world.machine(distributed(PASS, ItemReader=reader("CSV", CSVHeaderLocation="FIRST_ROW")))
    arn = await world.start(machine)
    assert await world.output(arn) == [
        {"Col1": "Value1", "Col2": "Value2", "Col3": "Value3"},
        {"Col1": "", "Col2": "", "Col3": ""},
        {"Col1": "true", "Col2": "1", "Col3": "'HelloWorld'"},
        {"Col1": "Null", "Col2": "None", "Col3": ""},
        {"Col1": "   ", "Col2": "", "Col3": ""},
    ]
    assert (await world.history(arn))[2].details == {"length": 0}
    assert list((world.path.parent / "mapruns").iterdir()) == []


async def test_a_dataset_is_read_once_even_over_a_restart(world: World) -> None:
    put(world, "file", json.dumps({"deep": {"rows": [1, 2, 3, 4]}}))
    wait = {"Type": "Wait", "Seconds": 10, "End": True}
    source = reader("JSON", ItemsPointer="/deep/rows", MaxItems=3)
    arn = await world.start(await world.machine(distributed(wait, MaxConcurrency=1, ItemReader=source)))
    put(world, "file", "gone")
    await world.reboot()
    await world.pass_time(60)
    assert await world.output(arn) == [1, 2, 3]


async def test_what_cannot_be_read_fails_the_run_with_the_recorded_causes(world: World) -> None:
    source = reader("JSON")
    for text, cause in (
        (None, "The specified bucket does not exist (Bucket: rows)"),
        ('{"Hello": "world"}', "Attempting to map over non-iterable node."),
    ):
        if text is not None:
            put(world, "file", text)
        definition = distributed(PASS, ItemReader=source)
        arn = await world.start(await world.machine(definition, f"m{len(cause)}"))
        row = await world.execution(arn)
        assert (row.status, row.error, row.cause) == ("FAILED", "States.ItemReaderFailed", cause)
        assert (await world.types(arn))[3:] == ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]


async def test_objects_are_listed(world: World) -> None:
    for key in ("in/b.txt", "in/a/z.txt", "in/a.txt", "out/c.txt"):
        put(world, key, key)
    source = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": BUCKET, "Prefix": "in/"}}
    arn = await world.start(await world.machine(distributed(PASS, ItemReader=source)))
    output = await world.output(arn)
    assert [item["Key"] for item in output] == ["in/a.txt", "in/a/z.txt", "in/b.txt"]
    assert set(output[0]) == {"Etag", "LastModified", "Key", "Size", "StorageClass"}


LISTED = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": BUCKET, "Prefix": "in/"}}
FLAT = {**LISTED, "ReaderConfig": {"InputType": "JSONL", "Transformation": "LOAD_AND_FLATTEN"}}


async def test_listed_objects_are_loaded_one_after_the_other(world: World) -> None:
    for key, text in (("in/b.jsonl", "3\n"), ("in/a.jsonl", "1\n2\n"), ("out/c.jsonl", "9\n")):
        put(world, key, text)
    arn = await world.start(await world.machine(distributed(PASS, ItemReader=FLAT)))
    assert await world.output(arn) == [1, 2, 3]


async def test_a_listed_object_that_cannot_be_loaded_is_named(world: World) -> None:
    put(world, "in/a.jsonl", "1\n")
    put(world, "in/b.jsonl", "no\n")
    arn = await world.start(await world.machine(distributed(PASS, ItemReader=FLAT)))
    row = await world.execution(arn)
    assert row.error == "States.ItemReaderFailed"
    assert (row.cause or "").startswith("Line 1 is not JSON")
    assert (row.cause or "").endswith("(Bucket: rows, Key: in/b.jsonl)")


async def test_what_athena_unloaded_is_read_object_by_object(world: World) -> None:
    put(world, "q/data/1", "id\n1\n")
    folder = world.path.parent / "s3" / BUCKET
    (folder / "q/data/2.gz").write_bytes(gzip.compress(b"id\n2\n"))
    put(world, "q/manifest.csv", f"s3://{BUCKET}/q/data/1\ns3://{BUCKET}/q/data/2.gz\n")
    config = {"ManifestType": "ATHENA_DATA", "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
    source = {**reader("CSV"), "ReaderConfig": config}
    source["Parameters"] = {"Bucket": BUCKET, "Key": "q/manifest.csv"}
    arn = await world.start(await world.machine(distributed(PASS, ItemReader=source)))
    assert await world.output(arn) == [{"id": "1"}, {"id": "2"}]


def writer(**config: Any) -> dict[str, Any]:
    written = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "results", "Prefix": "jobs"}}
    return {**written, "WriterConfig": config} if config else written


async def test_results_are_written_as_files_with_a_manifest(world: World) -> None:
    world.functions.handlers["work"] = fails_for(1)
    (world.path.parent / "s3" / "results").mkdir(parents=True)
    definition = distributed(
        TASK, MaxConcurrency=1, ResultWriter=writer(), Catch=[{"ErrorEquals": ["States.ALL"], "Next": "E"}]
    )
    definition["States"]["E"] = {"Type": "Pass", "End": True}
    arn = await world.start(await world.machine(definition), [0, 1, 2])
    run = await the_run(world, arn)
    folder = world.path.parent / "s3" / "results" / "jobs" / run.arn.rpartition(":")[2]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["DestinationBucket"] == "results"
    assert manifest["MapRunArn"] == run.arn
    for kind, inputs in (("SUCCEEDED", ["0"]), ("FAILED", ["1"]), ("PENDING", ["2"])):
        (file,) = manifest["ResultFiles"][kind]
        path = world.path.parent / "s3" / "results" / file["Key"]
        assert path.stat().st_size == file["Size"]
        assert [entry["Input"] for entry in json.loads(path.read_text())] == inputs
    assert (await world.execution(arn)).status == "SUCCEEDED"


async def test_the_state_gives_the_place_of_the_files(world: World) -> None:
    (world.path.parent / "s3" / "results").mkdir(parents=True)
    kind = writer(OutputType="JSONL", Transformation="FLATTEN")
    arn = await world.start(await world.machine(distributed(PASS, ResultWriter=kind)), [[1, 2], 3])
    run = await the_run(world, arn)
    key = f"jobs/{run.arn.rpartition(':')[2]}/manifest.json"
    place = {"Bucket": "results", "Key": key}
    assert await world.output(arn) == {"MapRunArn": run.arn, "ResultWriterDetails": place}
    lines = (world.path.parent / "s3" / "results" / key).with_name("SUCCEEDED_0.jsonl").read_text()
    assert lines == "1\n2\n3\n"


async def test_a_missing_bucket_for_results_is_told_before_the_first_child(world: World) -> None:
    arn = await world.start(await world.machine(distributed(PASS, ResultWriter=writer())), [1])
    row = await world.execution(arn)
    assert (row.error, row.cause) == (
        "States.ResultWriterFailed",
        "The specified bucket does not exist (Bucket: results)",
    )
    assert await children(world, arn) == []


async def test_a_running_run_is_given_more_room(world: World) -> None:
    machine = await world.machine(distributed({"Type": "Wait", "Seconds": 10, "End": True}, MaxConcurrency=1))
    arn = await world.start(machine, list(range(5)))
    run = await the_run(world, arn)
    assert await world.core.map_runs.update(run.id or 0, {"concurrency": 3})
    await world.settle()
    assert len(await children(world, arn)) == 3
    await world.pass_time(60)
    assert not await world.core.map_runs.update(run.id or 0, {"concurrency": 3})


async def test_a_file_that_holds_an_object_has_an_item_for_each_pair_with_its_key(tmp_path: Path) -> None:
    async with World(tmp_path, map_objects=True) as world:
        put(world, "file", '{"b": 2, "a": {"x": 1}}')
        selector = {"k.$": "$$.Map.Item.Key", "v.$": "$$.Map.Item.Value"}
        read = {"ItemReader": reader("JSON")}
        pairs = [{"Key": "b", "Value": 2}, {"Key": "a", "Value": {"x": 1}}]
        chosen = [{"k": "b", "v": 2}, {"k": "a", "v": {"x": 1}}]
        cases: list[tuple[dict[str, Any], Any]] = [
            ({}, pairs),
            ({"ItemSelector": selector}, chosen),
            (read, pairs),
            ({**read, "ItemSelector": selector}, chosen),
        ]
        for number, (more, expected) in enumerate(cases):
            machine = await world.machine(distributed(PASS, **more), f"m{number}")
            assert await world.output(await world.start(machine, {"b": 2, "a": {"x": 1}})) == expected
