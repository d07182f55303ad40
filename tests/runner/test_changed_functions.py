"""Code and settings that change while processes are warm."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.runner.harness import Functions, until, value


async def test_a_changed_file_counts_from_the_next_call_on(functions: Functions, tmp_path: Path) -> None:
    name = await functions.add("changing.py", "def handler(event, context):\n    return 'old'\n")
    assert value(await functions.call(name)) == "old"
    (functions.folder / "changing.py").write_text("def handler(event, context):\n    return 'new one'\n")
    assert value(await functions.call(name)) == "new one"


async def test_a_changed_helper_module_counts_too(functions: Functions) -> None:
    helper = functions.folder / "its_helper.py"
    helper.write_text("WORD = 'old'\n")
    source = "import its_helper\ndef handler(event, context):\n    return its_helper.WORD\n"
    name = await functions.add("helped.py", source)
    assert value(await functions.call(name)) == "old"
    helper.write_text("WORD = 'newer'\n")
    assert value(await functions.call(name)) == "newer"


async def test_a_running_call_finishes_on_the_old_code(functions: Functions, tmp_path: Path) -> None:
    source = (
        "import os, time\n"
        "def handler(event, context):\n"
        "    open(event + '.started', 'w').close()\n"
        "    while not os.path.exists(event):\n        time.sleep(0.005)\n"
        "    return 'old'\n"
    )
    name = await functions.add("running.py", source)
    go = tmp_path / "go"
    run = asyncio.ensure_future(functions.call(name, f'"{go}"'))
    await until((tmp_path / "go.started").exists)
    (functions.folder / "running.py").write_text("def handler(event, context):\n    return 'new'\n")
    assert value(await functions.call(name)) == "new"
    go.touch()
    assert value(await run) == "old"


async def test_a_changed_setting_ends_warm_processes(functions: Functions) -> None:
    source = "import os\ndef handler(event, context):\n    return os.environ.get('WORD')\n"
    name = await functions.add("settled.py", source, environment={"WORD": "old"})
    assert value(await functions.call(name)) == "old"
    await functions.add("settled.py", source, environment={"WORD": "new"})
    assert value(await functions.call(name)) == "new"


async def test_a_warm_process_serves_the_next_call(functions: Functions) -> None:
    source = "count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return count\n"
    name = await functions.add("counts.py", source)
    assert [value(await functions.call(name)) for _ in range(3)] == [1, 2, 3]
