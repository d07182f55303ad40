from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from flowd.payload import loads
from tests.runner.harness import Functions, alive, cause, until, value


async def test_a_function_gets_its_event_and_its_result_comes_back(functions: Functions) -> None:
    result = await functions.run("def handler(event, context):\n    return [event, 1.0, 'ü']\n", '{"a": 2}')
    assert result.output_text == '[{"a": 2}, 1.0, "ü"]'


async def test_an_exception_is_told_in_lambdas_words_and_order(functions: Functions) -> None:
    source = "def handler(event, context):\n    raise Exception('Some exception was raised.')\n"
    result = await functions.run(source)
    file = functions.folder / "f1.py"
    trace = f"  File \\\"{file}\\\", line 2, in handler\\n    raise Exception('Some exception was raised.')\\n"
    assert result.error == "Exception"
    assert result.cause == (
        '{"errorMessage": "Some exception was raised.", "errorType": "Exception", '
        f'"requestId": "{result.request_id}", "stackTrace": ["{trace}"]}}'
    )
    assert "[ERROR] Exception: Some exception was raised." in result.log


async def test_an_exception_class_without_text_has_an_empty_message(functions: Functions) -> None:
    result = await functions.run("class Odd(Exception): ...\n\ndef handler(event, context):\n    raise Odd\n")
    assert result.error == "Odd"
    assert cause(result)["errorMessage"] == ""


async def test_an_exception_whose_text_fails_is_told_all_the_same(functions: Functions) -> None:
    source = (
        "class Bad(Exception):\n    def __str__(self):\n        return 1 / 0\n"
        "def handler(event, context):\n    raise Bad\n"
    )
    result = await functions.run(source)
    assert result.error == "Bad"
    assert "ZeroDivisionError" in cause(result)["errorMessage"]


async def test_bytes_are_taken_as_json_text(functions: Functions) -> None:
    result = await functions.run("def handler(event, context):\n    return b'\"HelloWorld!\"'\n")
    assert result.output_text == '"HelloWorld!"'


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("{'a': b'x'}", "Unable to marshal response: Object of type bytes is not JSON serializable"),
        ("{1, 2}", "Unable to marshal response: Object of type set is not JSON serializable"),
        ("float('nan')", "Unable to marshal response: Out of range float values are not JSON compliant"),
        ("'\\ud800'", "Unable to marshal response: 'utf-8' codec can't encode"),
        ("(lambda x: [x.append(x), x])([])", "Unable to marshal response: Circular reference detected"),
    ],
)
async def test_a_result_that_is_no_json_is_a_marshal_error(functions: Functions, expression: str, message: str) -> None:
    result = await functions.run(f"def handler(event, context):\n    return {expression}\n")
    assert result.error == "Runtime.MarshalError"
    assert cause(result)["errorMessage"].startswith(message)


async def test_decimals_become_numbers(functions: Functions) -> None:
    source = "from decimal import Decimal\ndef handler(event, context):\n    return [Decimal('5'), Decimal('3.25')]\n"
    assert (await functions.run(source)).output_text == "[5, 3.25]"


async def test_a_response_beyond_six_megabytes_is_refused(functions: Functions) -> None:
    result = await functions.run("def handler(event, context):\n    return 'x' * 6_300_000\n")
    assert result.error == "Function.ResponseSizeTooLarge"
    assert "6291556 bytes" in cause(result)["errorMessage"]


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (
            "import no_such_module\n",
            "Runtime.ImportModuleError",
            "Unable to import module 'f1': No module named 'no_such_module'",
        ),
        ("def other(): ...\n", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'f1'"),
        ("handler = 5\n", "Runtime.HandlerNotFound", "Handler 'handler' of module 'f1' is not a function"),
        ("def handler(:\n", "Runtime.UserCodeSyntaxError", "Syntax error in module 'f1': invalid syntax"),
        ("raise ValueError('at load')\n", "ValueError", "at load"),
    ],
)
async def test_code_that_does_not_load_says_why(functions: Functions, source: str, error: str, message: str) -> None:
    result = await functions.run(source)
    assert result.error == error
    assert cause(result)["errorMessage"].startswith(message)


async def test_a_missing_file_is_an_import_error(functions: Functions) -> None:
    name = await functions.add("gone.py", "")
    (functions.folder / "gone.py").unlink()
    assert (await functions.call(name)).error == "Runtime.ImportModuleError"


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit(1)", "Runtime exited with error: exit status 1"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
async def test_a_process_that_ends_is_an_exit_error(functions: Functions, statement: str, what: str) -> None:
    source = f"import os, sys\ndef handler(event, context):\n    print('before')\n    {statement}\n"
    result = await functions.run(source)
    assert result.error == "Runtime.ExitError"
    message = f"RequestId: {result.request_id} Error: {what}"
    assert result.cause == f'{{"errorType":"Runtime.ExitError","errorMessage":"{message}"}}'
    assert result.log == "before\n"


async def test_the_next_call_after_a_dead_process_gets_a_new_one(functions: Functions) -> None:
    source = "import os\ndef handler(event, context):\n    return os._exit(1) if event else os.getpid()\n"
    name = await functions.add("mortal.py", source)
    first = value(await functions.call(name, "0"))
    assert (await functions.call(name, "1")).error == "Runtime.ExitError"
    assert value(await functions.call(name, "0")) != first


async def test_a_function_beyond_its_time_is_killed_even_if_it_ignores_sigterm(functions: Functions) -> None:
    source = (
        "import os, signal, time\n"
        "def handler(event, context):\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    result = await functions.run(source, timeout_s=0.2)
    assert result.error == "Sandbox.Timedout"
    message = f"RequestId: {result.request_id} Error: Task timed out after 0.20 seconds"
    assert result.cause == f'{{"errorType":"Sandbox.Timedout","errorMessage":"{message}"}}'
    assert not alive(int(result.log))


async def test_the_caller_can_lower_the_time_limit(functions: Functions) -> None:
    name = await functions.add("slow.py", "import time\ndef handler(event, context):\n    time.sleep(60)\n")
    assert (await functions.call(name, timeout_ms=50)).error == "Sandbox.Timedout"


async def test_loading_does_not_count_to_the_time_limit(functions: Functions) -> None:
    source = "import time\ntime.sleep(0.4)\ndef handler(event, context):\n    return 1\n"
    assert value(await functions.run(source, timeout_s=0.2)) == 1


async def test_two_gigabytes_do_not_fit_into_128_megabytes(functions: Functions) -> None:
    source = "def handler(event, context):\n    return len(bytearray(2 << 30))\n"
    result = await functions.run(source, memory_mb=128)
    assert result.error in ("MemoryError", "Runtime.OutOfMemory")


async def test_children_are_killed_with_their_function(functions: Functions, tmp_path: Path) -> None:
    source = (
        "import subprocess, time\n"
        "def handler(event, context):\n"
        "    children = [subprocess.Popen(['sleep', '60']) for _ in range(3)]\n"
        "    print(*[child.pid for child in children], flush=True)\n"
        "    time.sleep(60)\n"
    )
    result = await functions.run(source, timeout_s=0.3)
    children = [int(pid) for pid in result.log.split()]
    assert len(children) == 3
    await until(lambda: not any(alive(pid) for pid in children))


async def test_a_forked_child_that_returns_does_not_answer(functions: Functions) -> None:
    source = (
        "import os\n"
        "def handler(event, context):\n"
        "    child = os.fork()\n"
        "    if child:\n"
        "        os.waitpid(child, 0)\n"
        "        return 'parent'\n"
        "    if event == 'raise':\n"
        "        raise ValueError('in the child')\n"
        "    return 'child'\n"
    )
    name = await functions.add("forks.py", source)
    for event in ('"return"', '"raise"', '"return"'):
        assert value(await functions.call(name, event)) == "parent"


async def test_ten_megabytes_of_output_do_not_block_and_their_end_is_kept(functions: Functions) -> None:
    source = (
        "def handler(event, context):\n"
        "    for number in range(10_000):\n        print(number, 'x' * 1000)\n"
        "    return 'done'\n"
    )
    result = await functions.run(source)
    assert value(result) == "done"
    assert result.truncated
    assert len(result.log) == 256 << 10
    assert result.log.endswith("9999 " + "x" * 1000 + "\n")


async def test_what_is_written_to_the_descriptors_themselves_is_output_too(functions: Functions) -> None:
    source = (
        "import os, subprocess, sys\n"
        "def handler(event, context):\n"
        "    sys.stdout.write('a')\n    sys.stdout.flush()\n"
        "    os.write(1, b'b')\n    os.write(2, b'\\xff')\n"
        "    subprocess.run(['echo', 'c'])\n"
    )
    result = await functions.run(source)
    assert result.log == "ab�c\n"
    assert not result.truncated


async def test_output_belongs_to_the_call_that_made_it(functions: Functions) -> None:
    name = await functions.add("says.py", "print('load')\ndef handler(event, context):\n    print(event, end='')\n")
    assert [(await functions.call(name, str(n))).log for n in range(3)] == ["load\n0", "1", "2"]


async def test_output_can_be_read_while_the_function_runs(functions: Functions, tmp_path: Path) -> None:
    source = (
        "import os, time\n"
        "def handler(event, context):\n"
        "    print('half way')\n"
        "    while not os.path.exists(event):\n        time.sleep(0.005)\n"
    )
    name = await functions.add("halfway.py", source)
    go = tmp_path / "go"
    run = asyncio.ensure_future(functions.client.invoke("halfway", name, f'"{go}"'))
    async with asyncio.timeout(20):
        while getattr(await functions.client.output_so_far("halfway"), "text", "") != "half way\n":
            await asyncio.sleep(0.005)
    go.touch()
    assert (await run).log == "half way\n"
    await functions.client.acknowledge("halfway")


async def test_logging_has_lambdas_handler(functions: Functions) -> None:
    source = (
        "import logging\nlogging.getLogger().setLevel(logging.INFO)\n"
        "def handler(event, context):\n    logging.info('said %s', 1)\n"
    )
    result = await functions.run(source)
    level, _, request_id, message = result.log.rstrip("\n").split("\t")
    assert (level, request_id, message) == ("[INFO]", result.request_id, "said 1")


async def test_the_context_says_what_lambdas_says(functions: Functions) -> None:
    source = (
        "def handler(event, context):\n"
        "    names = 'function_name function_version memory_limit_in_mb log_group_name aws_request_id '\n"
        "    names += 'invoked_function_arn'\n"
        "    return [getattr(context, name) for name in names.split()] + [\n"
        "        context.client_context.client.app_title, context.identity.cognito_identity_id, context.tenant_id,\n"
        "        context.get_remaining_time_in_millis(), context.log_stream_name, context.client_context.custom]\n"
    )
    name = await functions.add("told.py", source, memory_mb=300, timeout_s=30)
    result = await functions.call(name, client_context='{"custom": {"a": 1}, "client": {"app_title": "shop"}}')
    *said, remaining, stream, custom = loads(result.output_text or "")
    arn = "arn:aws:lambda:::function:told"
    assert said == ["told", "$LATEST", "300", "/aws/lambda/told", result.request_id, arn, "shop", None, None]
    assert 20_000 < remaining <= 30_000
    assert "/[$LATEST]" in stream
    assert custom == {"a": 1}


async def test_the_environment_is_clean(functions: Functions) -> None:
    source = "import os\ndef handler(event, context):\n    return dict(os.environ)\n"
    name = await functions.add("clean.py", source, environment={"MINE": "1", "AWS_REGION": "eu-west-1"})
    environment = loads((await functions.call(name)).output_text or "")
    assert "RUNNER_SECRET" not in environment
    assert environment["MINE"] == "1"
    assert environment["AWS_REGION"] == "eu-west-1"
    assert environment["AWS_ACCESS_KEY_ID"] == "given"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "clean"
    assert environment["LAMBDA_TASK_ROOT"] == str(functions.folder)
    assert environment["TZ"] == "UTC"


async def test_a_function_has_no_descriptor_but_its_own(functions: Functions) -> None:
    source = (
        "import os\n"
        "def handler(event, context):\n"
        "    links = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd') if int(fd) > 2\n"
        "             and os.path.exists(f'/proc/self/fd/{fd}')]\n"
        "    return [link for link in links if '/proc/' not in link]\n"
    )
    links = loads((await functions.run(source)).output_text or "")
    assert len(links) == 1  # its own socket
    assert links[0].startswith("socket:")


async def test_a_function_named_like_a_module_of_the_library_disturbs_nobody(functions: Functions) -> None:
    source = (
        "import email.message, random\n"
        "def handler(event, context):\n"
        "    return [email.message.__name__, random.randint(1, 1)]\n"
    )
    name = await functions.add("email.py", source)
    await functions.add("random.py", "raise RuntimeError('the wrong random')\n")
    assert value(await functions.call(name)) == ["email.message", 1]


async def test_a_handler_in_a_folder_is_found_as_sam_has_it(functions: Functions) -> None:
    (functions.folder / "app").mkdir()
    (functions.folder / "app" / "words.py").write_text("WORD = 'found'\n")
    source = "import words\ndef lambda_handler(event, context):\n    return words.WORD\n"
    folder = str(functions.folder / "app")
    await functions.add("app/main.py", source, name="sam", path=folder, handler="main.lambda_handler")
    assert value(await functions.call("sam")) == "found"


async def test_a_malformed_handler_is_told(functions: Functions) -> None:
    folder = functions.folder / "bad"
    folder.mkdir()
    await functions.add("bad/main.py", "", name="bad", path=str(folder), handler="main")
    assert (await functions.call("bad")).error == "Runtime.MalformedHandlerName"


async def test_a_virtual_environment_beside_the_function_is_used(functions: Functions) -> None:
    own = functions.folder / "app" / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text(f'#!/bin/sh\nexport THROUGH=venv\nexec {sys.executable} "$@"\n')
    own.chmod(0o755)
    source = "import os\ndef handler(event, context):\n    return os.environ['THROUGH']\n"
    folder = str(functions.folder / "app")
    await functions.add("app/main.py", source, name="venv", path=folder, handler="main.handler")
    assert value(await functions.call("venv")) == "venv"


async def test_an_environment_that_no_process_can_have_is_told(functions: Functions) -> None:
    result = await functions.run("def handler(event, context): ...\n", environment={"A": "\0"})
    assert result.error == "Runtime.InvalidEntrypoint"
    assert "null byte" in cause(result)["errorMessage"]


async def test_more_memory_than_the_function_has_is_its_end(functions: Functions) -> None:
    source = "def handler(event, context):\n    return len(bytearray(event << 20))\n"
    name = await functions.add("big.py", source, memory_mb=128)
    result = await functions.call(name, "400")
    assert result.error == "Runtime.OutOfMemory"
    assert cause(result)["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert value(await functions.call(name, "10")) == 10 << 20


async def test_reserved_concurrency_is_kept_and_its_excess_was_never_run(functions: Functions, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    source = (
        "import os, time\ndef handler(event, context):\n    print('began')\n"
        f"    while not os.path.exists({str(gate)!r}): time.sleep(0.005)\n"
    )
    name = await functions.add("few.py", source, reserved=1)
    first = asyncio.ensure_future(functions.call(name))
    while (await functions.client.counts()).running == 0:
        await asyncio.sleep(0)
    second = await functions.call(name)
    assert second.error == "Lambda.TooManyRequestsException"
    assert second.cause and second.cause.startswith("Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code:")
    assert second.log == ""
    gate.touch()
    assert value(await first) is None
    assert value(await functions.call(name)) is None


async def test_a_function_with_no_reserved_concurrency_left_is_switched_off(functions: Functions) -> None:
    name = await functions.add("off.py", "def handler(event, context): return 1\n", reserved=0)
    assert (await functions.call(name)).error == "Lambda.TooManyRequestsException"


async def test_code_without_a_file_is_written_once_and_runs_as_index(functions: Functions) -> None:
    source = "def run(event, context):\n    return [event, __file__]\n"
    for name in ("one", "two"):
        await functions.add("unused.py", "", name=name, kind="python", path="", code=source, handler="index.run")
    first, second = [value(await functions.call(name, "1")) for name in ("one", "two")]
    assert first == second
    assert first[0] == 1 and first[1].endswith("/index.py")
    changed = source.replace("[event,", "[2,")
    await functions.add("unused.py", "", name="one", kind="python", path="", code=changed, handler="index.run")
    assert value(await functions.call("one", "1"))[0] == 2
