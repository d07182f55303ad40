"""What functions share by layers: found as below /opt, later ones in front, changes seen, requirements installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowd.functions import Layer
from tests.runner.harness import Functions, value
from tests.runner.test_packages import wheel

HANDLER = "import common\ndef handler(event, context): return common.answer\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def test_a_layers_modules_are_found_and_a_change_counts_from_the_next_call(
    functions: Functions, tmp_path: Path
) -> None:
    module = write(tmp_path / "layer/python/common.py", "answer = 1\n")
    layers = [Layer(folder=str(tmp_path / "layer"))]
    name = await functions.add("f.py", HANDLER, layers=layers)
    assert value(await functions.call(name)) == 1
    module.write_text("answer = 'another'\n")
    assert value(await functions.call(name)) == "another"


async def test_a_later_layer_stands_in_front_and_the_function_before_all(functions: Functions, tmp_path: Path) -> None:
    for each in ("first", "second"):
        write(tmp_path / each / "python/common.py", f"answer = '{each}'\n")
    layers = [Layer(folder=str(tmp_path / each)) for each in ("first", "second")]
    assert value(await functions.call(await functions.add("f.py", HANDLER, layers=layers))) == "second"
    assert value(await functions.call(await functions.add("f.py", HANDLER, layers=layers[::-1]))) == "first"
    app: dict[str, Any] = {"path": str(functions.folder / "app"), "handler": "main.handler"}
    write(functions.folder / "app/common.py", "answer = 'own'\n")
    assert value(await functions.call(await functions.add("app/main.py", HANDLER, layers=layers, **app))) == "own"


async def test_programs_of_a_layer_are_on_the_path_before_others(functions: Functions, tmp_path: Path) -> None:
    write(tmp_path / "layer/bin/date", "#!/bin/sh\necho 7\n").chmod(0o755)
    layers = [Layer(folder=str(tmp_path / "layer"))]
    assert value(await functions.call(await functions.add("f", "#!/bin/sh\ndate\n", layers=layers))) == 7


async def test_a_layer_that_is_built_holds_modules_itself_and_gets_what_it_asks_for(
    functions: Functions, tmp_path: Path
) -> None:
    layer = tmp_path / "layer"
    wheel(layer / "wheels", "thing", "1.0", "answer = 42\n")
    write(layer / "requirements.txt", "--no-index\n--find-links ./wheels\nthing==1.0\n")
    write(layer / "common.py", "from thing import answer\n")
    name = await functions.add("f.py", HANDLER, layers=[Layer(folder=str(layer), built=True)])
    assert value(await functions.call(name)) == 42
    assert {each.name for each in layer.iterdir()} == {"common.py", "requirements.txt", "wheels"}


@pytest.mark.node
@pytest.mark.parametrize(
    ("ending", "source"),
    [
        ("js", "const c = require('common'); exports.handler = async () => c.answer;"),
        ("mjs", "import c from 'common'; export const handler = async () => c.answer;"),
    ],
)
async def test_node_finds_the_packages_of_a_second_layer(
    functions: Functions, tmp_path: Path, ending: str, source: str
) -> None:
    module = write(tmp_path / "one/nodejs/node_modules/common/index.js", "exports.answer = 1;\n")
    (tmp_path / "two/nodejs/node_modules").mkdir(parents=True)
    layers = [Layer(folder=str(tmp_path / each)) for each in ("one", "two")]
    name = await functions.add(f"f.{ending}", source, layers=layers)
    assert value(await functions.call(name)) == 1
    module.write_text("exports.answer = 'another';\n")
    assert value(await functions.call(name)) == "another"
