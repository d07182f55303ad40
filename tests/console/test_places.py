from __future__ import annotations

import subprocess
import sys

from console import places
from console.screens.shell import Shell

#: What the first paint does not show, and what only other screens use.
LATER = ("console.screens.answer", "console.screens.execution", "console.screens.inbox", "console.graph.layout")
LIBRARIES = ("jsonschema", "httpx", "click", "boto3")


def test_the_first_paint_waits_for_no_import_of_what_it_does_not_show() -> None:
    code = "import sys, flowd.cli.console, console.places; console.places.mode('executions'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {*LATER, *LIBRARIES} & {*done.stdout.split()}


async def test_every_place_that_has_a_name_is_a_screen_of_that_name() -> None:
    await places.prepare(0)
    for name in places.MODES:
        screen = places.mode(name)
        assert isinstance(screen, Shell) and screen.NAME == name


def test_a_console_of_its_own_process_keeps_the_garbage_collector_from_what_is_imported() -> None:
    code = (
        "import asyncio, gc; from console import places\n"
        "asyncio.run(places.prepare(0)); print(gc.get_freeze_count())\n"
        "asyncio.run(places.prepare(0, calm=True)); print(gc.get_freeze_count() > len(gc.get_objects()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "True"]
