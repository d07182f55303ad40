"""What functions ask for: found, installed once, looked for in the right place; and what is said without it."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flowd.functions import FunctionSpec, Kind
from flowd.runner.client import RunnerClient
from flowd.runner.packages import Wish, find_wishes
from tests.runner.harness import Functions, RunnerProcess, cause, until, value


def wheel(folder: Path, name: str, version: str, source: str) -> None:
    """A package that pip installs without any network."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", source)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


def spec(path: Path, kind: Kind = "python") -> FunctionSpec:
    return FunctionSpec(name="f", kind=kind, path=str(path))


def find_wish(of: FunctionSpec) -> Wish | None:
    return next(iter(find_wishes(of)), None)


def test_a_function_without_requirements_asks_for_nothing(tmp_path: Path) -> None:
    file = tmp_path / "f.py"
    assert find_wish(spec(file)) is None
    (tmp_path / "requirements.txt").write_text("# later\n\n")
    assert find_wish(spec(file)) is None
    (tmp_path / "requirements.txt").write_text("thing==1\n")
    assert find_wish(spec(file)) is not None
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    assert find_wish(spec(file)) is None  # it brings its own


def test_the_same_requirements_share_a_folder_and_others_do_not(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder, text in zip(folders, ("thing==1", "thing==1", "thing==2"), strict=True):
        folder.mkdir()
        (folder / "requirements.txt").write_text(text)
    first, second, third = (find_wish(spec(folder)) for folder in folders)
    assert first and second and third
    assert first.digest == second.digest != third.digest


def test_paths_in_requirements_count_from_their_folder(tmp_path: Path) -> None:
    digests = set()
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "requirements.txt").write_text("./thing.whl")
        wish = find_wish(spec(tmp_path / name))
        assert wish
        digests.add(wish.digest)
    assert len(digests) == 2


def test_a_package_json_without_dependencies_asks_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    assert find_wish(spec(tmp_path, "node")) is None
    (tmp_path / "package.json").write_text('{"dependencies": {"thing": "1"}}')
    assert find_wish(spec(tmp_path, "node")) is not None
    (tmp_path / "node_modules").mkdir()
    assert find_wish(spec(tmp_path, "node")) is None


async def test_requirements_are_installed_outside_of_the_functions_folder(functions: Functions) -> None:
    folder = functions.folder / "shop"
    wheel(folder / "wheels", "thing", "1.0", "answer = 42\n")
    (folder / "requirements.txt").write_text("--no-index\n--find-links ./wheels\nthing==1.0\n")
    name = await functions.add("shop/f.py", "import thing\ndef handler(event, context): return thing.answer\n")
    assert value(await functions.call(name)) == 42
    assert {each.name for each in folder.iterdir()} == {"f.py", "requirements.txt", "wheels"}


async def test_changed_requirements_count_from_the_next_call(functions: Functions) -> None:
    folder = functions.folder / "shop"
    for version in ("1.0", "2.0"):
        wheel(folder / "wheels", "thing", version, f"answer = '{version}'\n")
    requirements = folder / "requirements.txt"
    requirements.write_text("--no-index\n--find-links ./wheels\nthing==1.0\n")
    name = await functions.add("shop/f.py", "import thing\ndef handler(event, context): return thing.answer\n")
    assert value(await functions.call(name)) == "1.0"
    requirements.write_text("--no-index\n--find-links ./wheels\nthing==2.0\n")
    assert value(await functions.call(name)) == "2.0"


async def test_packages_that_cannot_be_had_fail_the_call_and_are_told(
    functions: Functions, client: RunnerClient
) -> None:
    (functions.folder / "requirements.txt").write_text("--no-index\nthere-is-no-such-thing\n")
    name = await functions.add("f.py", "def handler(event, context): return 1\n")
    result = await functions.call(name)
    assert result.error == "Runtime.ImportModuleError"
    assert "there-is-no-such-thing" in cause(result)["errorMessage"]
    assert "cannot be installed" in (await client.counts()).packages[name]
    (functions.folder / "requirements.txt").unlink()
    assert value(await functions.call(name)) == 1
    assert (await client.counts()).packages == {}


@pytest.mark.node
@pytest.mark.parametrize("module", ["commonjs", "module"])
async def test_node_finds_what_package_json_asks_for(functions: Functions, tmp_path: Path, module: str) -> None:
    thing = tmp_path / "thing"
    thing.mkdir()
    (thing / "package.json").write_text('{"name": "thing", "version": "1.0.0", "main": "index.js"}')
    (thing / "index.js").write_text("exports.answer = 42;\n")
    subprocess.run(["npm", "pack", "--silent"], cwd=thing, check=True, capture_output=True)
    folder = functions.folder / "shop"
    folder.mkdir()
    wanted = {"type": module, "dependencies": {"thing": f"file:{thing}/thing-1.0.0.tgz"}}
    (folder / "package.json").write_text(json.dumps(wanted))
    source = {
        "commonjs": "const { answer } = require('thing'); exports.handler = async () => answer;",
        "module": "import thing from 'thing'; export const handler = async () => thing.answer;",
    }[module]
    name = await functions.add("shop/f.js", source)
    assert value(await functions.call(name)) == 42
    assert not (folder / "node_modules").exists()


async def test_a_runner_killed_while_it_installs_begins_anew(
    own_runner: Callable[..., RunnerProcess], tmp_path: Path
) -> None:
    """The half installed folder of the first runner is not taken for one that is finished."""
    folder = tmp_path / "functions"
    gate = tmp_path / "gate"
    folder.mkdir()
    # A source package whose setup waits: pip is in the middle when the runner dies.
    package = folder / "slow"
    package.mkdir()
    began = str(tmp_path / "began")
    waits = f"import os, time\nopen({began!r}, 'w')\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
    (package / "backend.py").write_text(
        waits + "def build_wheel(to, *more): raise SystemExit('this build fails on purpose')\n"
        "def get_requires_for_build_wheel(*more): return []\n"
    )
    (package / "pyproject.toml").write_text(
        '[project]\nname = "slow"\nversion = "1"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "requirements.txt").write_text("./slow\n")
    (folder / "f.py").write_text("def handler(event, context): return 1\n")
    runner = own_runner("--packages", str(tmp_path / "packages"))
    client = RunnerClient(runner.socket)
    await client.connect()
    await client.register([FunctionSpec(name="f", kind="python", path=str(folder / "f.py"))], {})
    await until((tmp_path / "began").exists)
    assert "installing" in (await client.counts()).packages["f"]
    runner.kill()
    await client.close()
    gate.touch()
    second = own_runner("--packages", str(tmp_path / "packages"), folder=runner.folder)
    client = RunnerClient(second.socket)
    await client.connect()
    await client.register([FunctionSpec(name="f", kind="python", path=str(folder / "f.py"))], {})
    result = await client.invoke("k", "f", "{}")
    assert result.error == "Runtime.ImportModuleError"
    assert [each.name for each in (tmp_path / "packages").iterdir()] == []
    await client.close()
