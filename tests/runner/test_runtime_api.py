"""A `bootstrap` that speaks Lambda's Runtime API, as compiled runtimes do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flowd.runner.runtime_api import _is_ours
from tests.runner.harness import Functions, cause, value

CLIENT = f"""#!{sys.executable}
import json, os, sys, urllib.error, urllib.request
API = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/'

def post(path, body, **headers):
    headers = {{name.replace('_', '-'): text for name, text in headers.items()}}
    try:
        with urllib.request.urlopen(urllib.request.Request(API + path, body.encode(), headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code

def calls():
    while True:
        with urllib.request.urlopen(API + 'invocation/next') as answer:
            yield answer.headers, json.loads(answer.read())
"""


async def add(functions: Functions, name: str, body: str, **spec: object) -> str:
    folder = functions.folder / name
    return await functions.add(
        f"{name}/bootstrap", CLIENT + body, kind="bootstrap", name=name, path=str(folder), **spec
    )


async def test_calls_are_handed_out_and_answered(functions: Functions) -> None:
    body = """
count = 0
for headers, event in calls():
    count += 1
    print('call', count, flush=True)
    post('invocation/' + headers['Lambda-Runtime-Aws-Request-Id'] + '/response', json.dumps([
        event, count, int(headers['Lambda-Runtime-Deadline-Ms']) > 0,
        headers['Lambda-Runtime-Invoked-Function-Arn'], headers['Lambda-Runtime-Client-Context']]))
"""
    name = await add(functions, "counts", body)
    first = await functions.call(name, '{"a": 1}', client_context='{"custom": 1}')
    arn = "arn:aws:lambda:::function:counts"
    assert value(first) == [{"a": 1}, 1, True, arn, '{"custom": 1}']
    assert first.log == "call 1\n"
    assert value(await functions.call(name, "2")) == [2, 2, True, arn, None]


async def test_an_error_is_the_functions_own(functions: Functions) -> None:
    body = """
for headers, event in calls():
    post('invocation/' + headers['Lambda-Runtime-Aws-Request-Id'] + '/error', json.dumps(event),
         Lambda_Runtime_Function_Error_Type='Header.Type')
"""
    name = await add(functions, "errs", body)
    result = await functions.call(name, '{"errorType": "Mine", "errorMessage": "m"}')
    assert (result.error, result.cause) == ("Mine", '{"errorType": "Mine", "errorMessage": "m"}')
    assert (await functions.call(name, '{"errorMessage": "m"}')).error == "Header.Type"


async def test_an_error_without_a_type_gets_step_functions_words(functions: Functions) -> None:
    body = """
for headers, event in calls():
    post('invocation/' + headers['Lambda-Runtime-Aws-Request-Id'] + '/error', json.dumps(event))
"""
    result = await functions.call(await add(functions, "untyped", body), '{"errorMessage": "m"}')
    assert result.error == "Lambda.Unknown"
    assert result.cause == (
        "The cause could not be determined because Lambda did not return an error type. "
        'Returned payload: {"errorMessage": "m"}'
    )


async def test_a_failed_start_is_told_by_the_function(functions: Functions) -> None:
    body = "post('init/error', json.dumps({'errorType': 'My.Init', 'errorMessage': 'no config'}))\nsys.exit(1)\n"
    result = await functions.call(await add(functions, "noinit", body))
    assert (result.error, cause(result)["errorMessage"]) == ("My.Init", "no config")


async def test_a_process_that_ends_before_it_asks_is_an_exit_error(functions: Functions) -> None:
    result = await functions.call(await add(functions, "quits", "sys.exit(7)\n"))
    assert result.error == "Runtime.ExitError"
    assert cause(result)["errorMessage"].endswith("Runtime exited with error: exit status 7")


async def test_a_call_beyond_its_time_is_killed(functions: Functions) -> None:
    body = "import time\nfor headers, event in calls():\n    time.sleep(60)\n"
    result = await functions.call(await add(functions, "sleeps", body, timeout_s=0.3))
    assert result.error == "Sandbox.Timedout"


async def test_wrong_questions_get_the_protocols_answers(functions: Functions) -> None:
    body = """
for headers, event in calls():
    said = [post('invocation/other/response', '1'), post('nonsense', ''), post('../../', '')]
    post('invocation/' + headers['Lambda-Runtime-Aws-Request-Id'] + '/response', json.dumps(said))
"""
    assert value(await functions.call(await add(functions, "asks", body))) == [400, 404, 404]


async def test_a_response_beyond_six_megabytes_is_refused(functions: Functions) -> None:
    body = """
for headers, event in calls():
    post('invocation/' + headers['Lambda-Runtime-Aws-Request-Id'] + '/response', '"' + 'x' * 7_000_000 + '"')
"""
    result = await functions.call(await add(functions, "heavy", body))
    assert result.error == "Function.ResponseSizeTooLarge"


async def test_a_changed_bootstrap_counts_from_the_next_call_on(functions: Functions) -> None:
    body = """
for headers, event in calls():
    post('invocation/' + headers['Lambda-Runtime-Aws-Request-Id'] + '/response', '"WORD"')
"""
    name = await add(functions, "changes", body)
    assert value(await functions.call(name)) == "WORD"
    file = functions.folder / "changes" / "bootstrap"
    file.write_text(file.read_text().replace("WORD", "another"))
    assert value(await functions.call(name)) == "another"


def test_a_connection_of_another_user_is_not_ours(tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    peer, here = ("127.0.0.1", 0xABCD), ("127.0.0.1", 0x1F93)

    def row(uid: int, local: str = "0100007F:ABCD") -> None:
        table.write_text(
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
            f"   0: {local} 0100007F:1F93 01 00000000:00000000 00:00000000 00000000 {uid} 0 12345 1\n"
        )

    row(os.geteuid())
    assert _is_ours(peer, here, table)
    row(os.geteuid() + 1)
    assert not _is_ours(peer, here, table)
    row(os.geteuid(), "0100007F:0001")
    assert not _is_ours(peer, here, table)
    assert not _is_ours(peer, here, tmp_path / "missing")
