"""Reading a drop folder: what counts, what is passed over, and what is said of files that cannot be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from flowd.engine.dropfolder.scan import Scanner
from flowd.engine.dropfolder.snapshot import Snapshot

MACHINE = '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}'
HANDLER = "def handler(event, context):\n    return event\n"


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def scan(folder: Path, owners: dict[str, str] | None = None) -> Snapshot:
    return Scanner(str(folder)).scan(owners)


def said(found: Snapshot, path: str) -> tuple[str, str]:
    report = next(each for each in found.files if each.path == path)
    return report.status, " ".join(f"{d.line}:{d.column} {d.message}" for d in report.diagnostics)


def test_definitions_are_machines_named_after_their_file(tmp_path: Path) -> None:
    put(tmp_path, {"order.asl.json": MACHINE, "deep/er/pay.asl.yaml": "StartAt: A", "x.asl.yml": "StartAt: A"})
    put(
        tmp_path, {"order.input.json": "{}", "README.md": "", "other.json": "{}", ".asl.json": "{}", "a.mocks.json": ""}
    )
    found = scan(tmp_path)
    assert [(m.name, m.path, m.yaml, m.type, m.owner) for m in found.machines] == [
        ("pay", "deep/er/pay.asl.yaml", True, "STANDARD", "file"),
        ("order", "order.asl.json", False, "STANDARD", "file"),
        ("x", "x.asl.yml", True, "STANDARD", "file"),
    ]
    assert len(found.files) == 3
    assert found.names == {"pay", "order", "x"}


def test_hidden_folders_virtual_environments_and_packages_of_others_are_passed_over(tmp_path: Path) -> None:
    for folder in (".git", "node_modules/x", "env", "__pycache__", "lib/site-packages/y"):
        put(tmp_path, {f"{folder}/m.asl.json": MACHINE})
    put(tmp_path, {"env/pyvenv.cfg": "", ".hidden.asl.json": MACHINE})
    assert scan(tmp_path) == Snapshot()


def test_functions_are_found_by_their_four_contracts(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "a/functions/py.py": HANDLER,
            "a/functions/assigned.py": "from lib import wrap\nif True:\n    handler = wrap(print)\n",
            "a/functions/js.js": "exports.handler = async () => 1",
            "a/functions/mjs.mjs": "export const handler = async () => 1",
            "a/functions/tool": "#!/bin/sh\n",
            "a/functions/backup.sh": "#!/bin/sh\n",
            "a/functions/custom/bootstrap": "#!/bin/sh\n",
            "a/functions/shared.py": "def help():\n    handler = 1\n",
            "a/functions/shop/__init__.py": HANDLER,
            "a/functions/data.json": "{}",
        },
    )
    for name in ("tool", "backup.sh", "custom/bootstrap"):
        (tmp_path / "a/functions" / name).chmod(0o755)
    found = scan(tmp_path)
    root = str(tmp_path / "a/functions")
    assert {(f.name, f.kind, f.path) for f in found.functions} == {
        ("py", "python", f"{root}/py.py"),
        ("assigned", "python", f"{root}/assigned.py"),
        ("js", "node", f"{root}/js.js"),
        ("mjs", "node", f"{root}/mjs.mjs"),
        ("tool", "executable", f"{root}/tool"),
        ("backup", "executable", f"{root}/backup.sh"),
        ("custom", "bootstrap", f"{root}/custom"),
    }
    assert {(f.handler, f.timeout_s) for f in found.functions} == {("handler", 900.0)}
    assert all(report.status == "loaded" for report in found.files)
    assert {f.source for f in found.functions if f.name == "py"} == {"a/functions/py.py"}


def test_functions_that_cannot_be_used_are_told_why(tmp_path: Path) -> None:
    put(tmp_path, {"functions/broken.py": "def handler(:\n", "functions/plain": "x", "functions/own/bootstrap": "x"})
    put(tmp_path, {"functions/a b.py": HANDLER})
    found = scan(tmp_path)
    assert [f.name for f in found.functions] == ["broken"]  # it stays, and its calls fail as on AWS
    status, message = said(found, "functions/broken.py")
    assert status == "rejected"
    assert message.startswith("1:13 not Python: ")
    assert said(found, "functions/plain") == (
        "ignored",
        "0:0 not executable, so it is no function; `chmod +x` makes it one",
    )
    assert said(found, "functions/own") == ("rejected", "0:0 bootstrap is not executable; `chmod +x` makes it so")
    assert "is no name of a function" in said(found, "functions/a b.py")[1]


FLOW = "from flowd.sdk import workflow\nimport tools\n@workflow\nasync def run() -> int:\n    return tools.number()\n"


@pytest.mark.parametrize("decorator", ["@workflow", "@workflow(name='run')", "@flowd.sdk.workflow"])
def test_a_python_file_counts_only_if_it_has_a_workflow(tmp_path: Path, decorator: str) -> None:
    text = f"import flowd.sdk\nfrom flowd.sdk import workflow\n\n{decorator}\nasync def run():\n    pass\n"
    put(tmp_path, {"flow.py": text, "tool.py": "# workflow\nworkflow = 1\n", "odd.py": "workflow ("})
    put(tmp_path, {"other.py": "from other import workflow\n@workflow\ndef run(): pass\n"})
    found = scan(tmp_path)
    assert [(report.path, report.status) for report in found.files] == [("flow.py", "loaded")]
    assert [(file.path, file.names) for file in found.workflows] == [("flow.py", ("run",))]


def test_a_workflow_file_travels_with_the_modules_of_its_folder_and_their_hash(tmp_path: Path) -> None:
    put(tmp_path, {"deep/flow.py": FLOW, "deep/tools.py": "def number(): return 1\n", "deep/stranger.py": ""})
    (before,) = scan(tmp_path).workflows
    assert sorted(before.texts) == ["flow.py", "tools.py"]
    put(tmp_path, {"deep/stranger.py": "x = 1"})
    assert scan(tmp_path).workflows == (before,)
    put(tmp_path, {"deep/tools.py": "def number(): return 2\n"})
    (after,) = scan(tmp_path).workflows
    assert after.version != before.version


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"flow.py": FLOW + "def ("}, "6:5 invalid syntax"),
        (
            {"flow.py": FLOW, "tools.py": "import time\ndef number(): return time.time()\n"},
            "1:1 tools.py:2: time.time in",
        ),
        ({"flow.py": FLOW.replace("async def", "def")}, "4:1 a workflow is an `async def`"),
    ],
)
def test_a_workflow_file_that_cannot_be_is_told_with_its_place_and_keeps_what_it_said(
    tmp_path: Path, files: dict[str, str], place: str
) -> None:
    put(tmp_path, {"tools.py": "def number(): return 1\n", **files})
    found = scan(tmp_path)
    status, message = said(found, "flow.py")
    assert status == "rejected" and message.startswith(place)
    assert found.workflows == () and found.keeps("flow.py")


def test_a_second_file_with_a_workflow_of_one_name_is_refused(tmp_path: Path) -> None:
    put(tmp_path, {"a.py": FLOW, "b.py": FLOW, "tools.py": "def number(): return 1\n"})
    scanner = Scanner(str(tmp_path))
    found = scanner.scan()
    assert [file.path for file in found.workflows] == ["a.py"]
    assert said(found, "b.py") == ("rejected", "0:0 the workflow run is defined by a.py already; rename one of them")
    (tmp_path / "a.py").unlink()
    assert [file.path for file in scanner.scan().workflows] == ["b.py"]


def test_a_second_file_of_one_name_is_refused_naming_the_first(tmp_path: Path) -> None:
    put(tmp_path, {"b/order.asl.json": MACHINE, "c/order.asl.yaml": "StartAt: A"})
    found = scan(tmp_path)
    assert [m.path for m in found.machines] == ["b/order.asl.json"]
    expected = "the machine order is defined by b/order.asl.json already; rename one of them"
    assert said(found, "c/order.asl.yaml") == ("rejected", f"0:0 {expected}")
    assert found.names == {"order"}


def test_a_machine_in_a_template_whose_name_another_template_has_is_told_with_its_name_and_line(tmp_path: Path) -> None:
    template = (
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  M:\n    Type: AWS::Serverless::StateMachine\n"
        "    Properties: {Name: order, Definition: {StartAt: A, States: {A: {Type: Pass, End: true}}}}\n"
    )
    put(tmp_path, {"a/template.yaml": template, "b/template.yaml": template})
    found = scan(tmp_path)
    assert [m.source for m in found.machines] == ["a/template.yaml"]
    expected = "3:3 order: the machine order is defined by a/template.yaml already; rename one of them"
    assert said(found, "b/template.yaml") == ("rejected", expected)


def test_who_had_a_name_before_keeps_it_and_hands_it_on_when_gone(tmp_path: Path) -> None:
    put(tmp_path, {"b/order.asl.json": MACHINE, "b/functions/f.py": HANDLER})
    scanner = Scanner(str(tmp_path))
    scanner.scan()
    put(tmp_path, {"a/order.asl.json": MACHINE, "a/functions/f.py": HANDLER})
    found = scanner.scan()
    assert [m.source for m in found.machines] == ["b/order.asl.json"]
    assert [f.source for f in found.functions] == ["b/functions/f.py"]
    assert said(found, "a/order.asl.json")[0] == said(found, "a/functions/f.py")[0] == "rejected"
    assert scan(tmp_path, {"order": "b/order.asl.json"}).machines[0].source == "b/order.asl.json"
    (tmp_path / "b/order.asl.json").unlink()
    assert [m.source for m in scanner.scan().machines] == ["a/order.asl.json"]


def test_files_that_cannot_be_read_are_told_and_keep_their_name(tmp_path: Path) -> None:
    put(tmp_path, {"big.asl.json": " " * (1024 * 1024 + 1), "full.asl.json": " " * (1024 * 1024)})
    (tmp_path / "latin.asl.json").write_bytes(b'{\n  "Comment": "caf\xe9"}')
    (tmp_path / "folder.asl.json").mkdir()
    os.mkfifo(tmp_path / "pipe.asl.json")
    (tmp_path / "gone.asl.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle.asl.json").symlink_to(tmp_path / "circle.asl.json")
    put(tmp_path, {"no name.asl.json": MACHINE, f"{'x' * 81}.asl.json": MACHINE})
    found = scan(tmp_path)
    assert [m.name for m in found.machines] == ["full"]
    assert "1048577 bytes; files up to 1048576 bytes (1 MiB) are read" in said(found, "big.asl.json")[1]
    assert said(found, "latin.asl.json") == ("rejected", "2:18 it is not UTF-8")
    assert said(found, "pipe.asl.json") == ("rejected", "0:0 it is not a regular file")
    assert said(found, "gone.asl.json") == ("rejected", "0:0 the symbolic link leads nowhere")
    assert said(found, "circle.asl.json") == ("rejected", "0:0 its symbolic links lead in a circle")
    assert "is no name of a machine" in said(found, "no name.asl.json")[1]
    assert "is no name of a machine" in said(found, f"{'x' * 81}.asl.json")[1]
    assert {"big", "latin", "pipe", "gone", "circle"} <= found.names


def test_names_that_are_no_utf8_are_shown_and_refused(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.asl.json"))).write_text(MACHINE)
    found = scan(tmp_path)
    assert found.machines == ()
    assert [report.path for report in found.files] == ["caf�.asl.json"]


def test_symbolic_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    inside, outside = tmp_path / "drop", tmp_path / "elsewhere"
    put(outside, {"m.asl.json": MACHINE})
    put(inside, {"a/n.asl.json": MACHINE})
    (inside / "a/up").symlink_to(inside)
    (inside / "b").symlink_to(inside / "a")
    (inside / "out").symlink_to(outside)
    found = scan(inside)
    assert [m.path for m in found.machines] == ["a/n.asl.json", "out/m.asl.json"]
    assert all(report.status == "loaded" for report in found.files)


@contextmanager
def as_somebody() -> Iterator[None]:
    """Root may read everything: be nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_files_and_folders_without_permission_are_told_and_what_they_held_stays() -> None:
    with TemporaryDirectory() as name:
        folder = put(Path(name), {"shut/m.asl.json": MACHINE, "own.asl.json": MACHINE})
        folder.chmod(0o755)
        (folder / "shut").chmod(0)
        (folder / "own.asl.json").chmod(0)
        try:
            with as_somebody():
                found = scan(folder)
        finally:
            (folder / "shut").chmod(0o755)
    assert "permission denied" in said(found, "own.asl.json")[1]
    assert "this folder cannot be read" in said(found, "shut")[1]
    assert found.keeps("shut/m.asl.json")
    assert not found.keeps("shutter/m.asl.json")


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        scan(tmp_path / "missing")


def test_configured_substitutions_reach_plain_files(tmp_path: Path) -> None:
    put(tmp_path, {"m.asl.json": "${A} ${B}"})
    assert Scanner(str(tmp_path), substitutions={"A": "x"}).scan().machines[0].text == "x ${B}"


TASK = '{"containerDefinitions": [{"name": "m", "image": "local/x", "command": ["./x"], "memory": 64}]}'


def test_task_definitions_are_families_named_after_their_file(tmp_path: Path) -> None:
    put(tmp_path, {"jobs/resize.taskdef.json": TASK, "other.taskdef.json": '{"family": "named", ' + TASK[1:]})
    found = scan(tmp_path)
    assert [(each.name, each.folder, each.source) for each in found.task_definitions] == [
        ("resize", str(tmp_path / "jobs"), "jobs/resize.taskdef.json"),
        ("named", str(tmp_path), "other.taskdef.json"),
    ]
    assert said(found, "other.taskdef.json") == ("loaded", "")


def test_a_broken_task_definition_is_told_with_its_place(tmp_path: Path) -> None:
    image = TASK.replace("local/x", "team/x").replace('"image"', '\n  "image"')
    put(tmp_path, {"a.taskdef.json": image, "b.taskdef.json": "{\n  oops", "c.taskdef.json": "[]"})
    found = scan(tmp_path)
    assert found.task_definitions == ()
    status, words = said(found, "a.taskdef.json")
    assert (status, words[:5]) == ("rejected", "2:3 t")
    assert "the image team/x needs podman or docker" in words
    assert said(found, "b.taskdef.json")[1].startswith("2:3 ")
    assert said(found, "c.taskdef.json") == ("rejected", "1:1 a task definition is a JSON object")


def test_a_family_has_one_file(tmp_path: Path) -> None:
    put(tmp_path, {"a.taskdef.json": '{"family": "x", ' + TASK[1:], "x.taskdef.json": TASK})
    found = scan(tmp_path)
    assert [each.source for each in found.task_definitions] == ["a.taskdef.json"]
    assert said(found, "x.taskdef.json")[1] == (
        "0:0 the task definition x is defined by a.taskdef.json already; rename one of them"
    )
