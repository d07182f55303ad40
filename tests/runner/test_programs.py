"""Plain executables: the event on stdin, the result on stdout."""

from __future__ import annotations

import asyncio

import pytest

from tests.runner.harness import Functions, alive, cause, until, value


async def test_stdin_is_the_event_stdout_the_result_stderr_the_log(functions: Functions) -> None:
    name = await functions.add("echo", "#!/bin/sh\necho in progress >&2\ncat\n")
    result = await functions.call(name, '{"a": 1.0}')
    assert (result.output_text, result.log) == ('{"a": 1.0}', "in progress\n")


async def test_an_exit_code_is_an_error_and_stderr_its_cause(functions: Functions) -> None:
    result = await functions.call(await functions.add("bad", "#!/bin/sh\necho out\necho bad luck >&2\nexit 3\n"))
    assert (result.error, result.cause) == ("Exit.3", "bad luck\n")


async def test_a_signal_is_told_as_shells_do(functions: Functions) -> None:
    result = await functions.call(await functions.add("dies", "#!/bin/sh\nkill -SEGV $$\n"))
    assert (result.error, result.cause) == ("Exit.139", "signal: segmentation fault")


async def test_silence_is_null(functions: Functions) -> None:
    assert (await functions.call(await functions.add("quiet", "#!/bin/sh\ntrue\n"))).output_text == "null"


async def test_a_result_that_is_no_json_is_a_marshal_error(functions: Functions) -> None:
    result = await functions.call(await functions.add("text", "#!/bin/sh\necho hello there\n"))
    assert result.error == "Runtime.MarshalError"
    assert "hello there" in cause(result)["errorMessage"]


async def test_a_big_event_that_nobody_reads_does_not_block(functions: Functions) -> None:
    name = await functions.add("deaf", "#!/bin/sh\necho 1\n")
    assert value(await functions.call(name, '"' + "x" * 3_000_000 + '"')) == 1


async def test_a_big_result_comes_back_whole(functions: Functions) -> None:
    name = await functions.add("back", "#!/bin/sh\ncat\n")
    event = '"' + "x" * 3_000_000 + '"'
    assert (await functions.call(name, event)).output_text == event


async def test_an_endless_result_is_refused(functions: Functions) -> None:
    name = await functions.add("big", "#!/bin/sh\nhead -c 20000000 /dev/zero\n")
    assert (await functions.call(name)).error == "Function.ResponseSizeTooLarge"


async def test_a_child_that_holds_stdout_open_does_not_delay_the_result(functions: Functions) -> None:
    result = await functions.call(await functions.add("leaves", "#!/bin/sh\nsleep 60 &\necho $!\n"))
    await until(lambda: not alive(value(result)))


async def test_a_program_beyond_its_time_is_killed_with_its_children(functions: Functions) -> None:
    source = "#!/bin/sh\ntrap '' TERM\nsleep 60 &\necho $! >&2\nwait\n"
    result = await functions.call(await functions.add("long", source, timeout_s=0.2))
    assert result.error == "Sandbox.Timedout"
    await until(lambda: not alive(int(result.log)))


async def test_a_program_that_cannot_be_started_says_what_to_do(functions: Functions) -> None:
    name = await functions.add("plain", "#!/bin/sh\n")
    (functions.folder / "plain").chmod(0o644)
    result = await functions.call(name)
    assert result.error == "Runtime.InvalidEntrypoint"
    assert "chmod +x" in cause(result)["errorMessage"]
    (functions.folder / "plain").unlink()
    assert "there is no file" in cause(await functions.call(name))["errorMessage"]


async def test_an_interpreter_that_is_missing_is_told(functions: Functions) -> None:
    result = await functions.call(await functions.add("odd", "#!/no/such/interpreter\n"))
    assert result.error == "Exit.127"
    assert "not found" in (result.cause or "")


async def test_a_program_is_limited_in_memory(functions: Functions) -> None:
    source = "#!/usr/bin/env python3\nprint(len(bytearray(2 << 30)))\n"
    result = await functions.call(await functions.add("greedy", source, memory_mb=128))
    assert result.error == "Exit.1"
    assert "MemoryError" in (result.cause or "")


async def test_a_program_runs_in_its_folder_with_lambdas_names(functions: Functions) -> None:
    source = '#!/bin/sh\necho "[\\"$(pwd)\\", \\"$AWS_LAMBDA_FUNCTION_NAME\\", \\"$RUNNER_SECRET\\"]"\n'
    name = await functions.add("where", source)
    assert value(await functions.call(name)) == [str(functions.folder), "where", ""]


@pytest.mark.parametrize("calls", [20])
async def test_programs_run_beside_each_other(functions: Functions, calls: int) -> None:
    name = await functions.add("many", "#!/bin/sh\ncat\n")
    results = await asyncio.gather(*(functions.call(name, str(n)) for n in range(calls)))
    assert [value(result) for result in results] == list(range(calls))
