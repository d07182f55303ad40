from __future__ import annotations

from pathlib import Path

import pytest

from tests.runner.harness import Functions, cause, value

pytestmark = pytest.mark.node


async def test_an_async_handler_answers(functions: Functions) -> None:
    name = await functions.add("a.js", "exports.handler = async (event) => ({ event, word: 'ü' });")
    result = await functions.call(name, '{"a": 1}')
    assert result.output_text == '{"event":{"a":1},"word":"ü"}'


async def test_a_callback_answers_once_nothing_is_left_to_do(functions: Functions) -> None:
    source = (
        "exports.handler = (event, context, callback) => {\n"
        "  callback(null, 'answer');\n"
        "  setTimeout(() => console.log('later'), 20);\n};"
    )
    result = await functions.call(await functions.add("b.js", source))
    assert (value(result), result.log) == ("answer", "later\n")


async def test_a_callback_need_not_wait(functions: Functions) -> None:
    source = (
        "exports.handler = (event, context, callback) => {\n"
        "  context.callbackWaitsForEmptyEventLoop = false;\n"
        "  setTimeout(() => {}, 60000);\n  callback(null, 'at once');\n};"
    )
    assert value(await functions.call(await functions.add("c.js", source))) == "at once"


async def test_a_handler_that_never_answers_gives_null(functions: Functions) -> None:
    name = await functions.add("d.js", "exports.handler = (event, context, callback) => {};")
    assert (await functions.call(name)).output_text == "null"
    name = await functions.add("e.js", "exports.handler = async () => new Promise(() => {});")
    assert (await functions.call(name)).output_text == "null"


async def test_modules_are_loaded(functions: Functions) -> None:
    (functions.folder / "dep.mjs").write_text("export const word = 'dep';")
    source = "import { word } from './dep.mjs';\nexport const handler = async (event) => word;"
    assert value(await functions.call(await functions.add("m.mjs", source))) == "dep"
    (functions.folder / "typed").mkdir()
    (functions.folder / "typed" / "package.json").write_text('{"type": "module"}')
    name = await functions.add("typed/t.js", "export const handler = async () => import.meta.url.slice(0, 5);")
    assert value(await functions.call(name)) == "file:"


async def test_an_error_is_told_in_the_shape_of_lambdas_node(functions: Functions) -> None:
    source = "exports.handler = async () => { throw new RangeError('too far'); };"
    result = await functions.call(await functions.add("f.js", source))
    assert result.error == "RangeError"
    assert (result.cause or "").startswith(
        '{"errorType":"RangeError","errorMessage":"too far","trace":["RangeError: too'
    )
    assert "[ERROR] RangeError: too far" in result.log


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("exports.other = 1;", "Runtime.HandlerNotFound", "g.js.handler is undefined or not exported"),
        ("exports.handler = 1;", "Runtime.HandlerNotFound", "g.js.handler is not a function"),
        ("exports.handler = (;", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token ';'"),
        ("require('nowhere');", "Runtime.ImportModuleError", "Error: Cannot find module 'nowhere'"),
        ("throw new TypeError('at load');", "TypeError", "at load"),
        ("exports.handler = async () => { throw 'text'; };", "string", "text"),
        ("exports.handler = async () => { throw null; };", "handled", "the error has no name"),
        ("exports.handler = async () => 10n;", "Runtime.MarshalError", "Unable to stringify response body"),
    ],
)
async def test_what_goes_wrong_has_a_name(functions: Functions, source: str, error: str, message: str) -> None:
    result = await functions.call(await functions.add("g.js", source))
    assert result.error == error
    assert cause(result)["errorMessage"].startswith(message)


async def test_a_rejection_nobody_handles_fails_the_call(functions: Functions) -> None:
    source = (
        "exports.handler = async (event) => {\n"
        "  if (!event) return 'fine';\n"
        "  Promise.reject(new Error('forgotten'));\n"
        "  await new Promise((resolve) => setTimeout(resolve, 60000));\n};"
    )
    name = await functions.add("h.js", source)
    result = await functions.call(name, "1")
    assert result.error == "Runtime.UnhandledPromiseRejection"
    assert cause(result)["errorMessage"] == "Error: forgotten"
    assert value(await functions.call(name, "0")) == "fine"


async def test_an_exception_in_a_timer_fails_the_call(functions: Functions) -> None:
    source = "exports.handler = (e, c, callback) => { setTimeout(() => { throw new Error('late'); }, 1); };"
    result = await functions.call(await functions.add("i.js", source))
    assert (result.error, cause(result)["errorMessage"]) == ("Error", "late")


async def test_a_busy_loop_is_killed_at_its_time(functions: Functions) -> None:
    name = await functions.add("j.js", "exports.handler = async () => { for (;;); };", timeout_s=0.2)
    assert (await functions.call(name)).error == "Sandbox.Timedout"


async def test_two_gigabytes_do_not_fit_into_128_megabytes(functions: Functions) -> None:
    source = "exports.handler = async () => { const a = []; for (;;) a.push(Buffer.alloc(1 << 24, 1)); };"
    result = await functions.call(await functions.add("k.js", source, memory_mb=128))
    assert result.error in ("Runtime.ExitError", "RangeError", "Runtime.OutOfMemory", "Error")


async def test_the_heap_is_limited_too(functions: Functions) -> None:
    source = "exports.handler = async () => { const a = []; for (;;) a.push({ x: [a.length, 'y'] }); };"
    result = await functions.call(await functions.add("l.js", source, memory_mb=128))
    assert result.error in ("Runtime.ExitError", "Runtime.OutOfMemory")


async def test_the_context_says_what_lambdas_says(functions: Functions) -> None:
    source = (
        "exports.handler = async (event, context) => [context.functionName, context.awsRequestId,\n"
        "  context.memoryLimitInMB, context.invokedFunctionArn, context.getRemainingTimeInMillis() > 1000,\n"
        "  process.env.RUNNER_SECRET ?? null];"
    )
    result = await functions.call(await functions.add("n.js", source, memory_mb=256))
    assert value(result) == ["n", result.request_id, "256", "arn:aws:lambda:::function:n", True, None]


async def test_a_process_stays_warm_and_a_changed_file_counts(functions: Functions) -> None:
    source = "let count = 0;\nexports.handler = async () => ++count;"
    name = await functions.add("o.js", source)
    assert [value(await functions.call(name)) for _ in range(3)] == [1, 2, 3]
    (functions.folder / "o.js").write_text("exports.handler = async () => 'new';")
    assert value(await functions.call(name)) == "new"


async def test_a_handler_in_a_folder_is_found_as_sam_has_it(functions: Functions, tmp_path: Path) -> None:
    folder = functions.folder / "app"
    folder.mkdir()
    (folder / "words.js").write_text("exports.word = 'found';")
    source = "exports.run = async () => require('./words').word;"
    await functions.add("app/index.js", source, name="sam", path=str(folder), handler="index.run")
    assert value(await functions.call("sam")) == "found"


async def test_code_without_a_file_runs_as_index(functions: Functions) -> None:
    source = "exports.run = async (event) => [event, __filename.split('/').pop()];"
    await functions.add("unused.js", "", name="inline", kind="node", path="", code=source, handler="index.run")
    assert value(await functions.call("inline", "1")) == [1, "index.js"]
