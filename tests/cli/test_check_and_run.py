from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Flowd

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:double"


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def write(path: Path, definition: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(definition if isinstance(definition, str) else json.dumps(definition, indent=2))
    return path


def test_check_prints_file_line_column_severity_code_and_message(flowd: Flowd, tmp_path: Path) -> None:
    file = write(tmp_path / "m.asl.json", machine(A={"Type": "Pass", "Next": "B"}))
    found = flowd("check", str(file))
    assert found.code == 1
    assert found.out.splitlines() == [
        f"{file}:6:7: ERROR MISSING_TRANSITION_TARGET Missing 'Next' target: B",
        f"{file}:1:1: ERROR MISSING_END_STATE Workflow has no terminal state",
    ]
    assert found.err == "1 file: 2 errors, 0 warnings\n"


def test_check_of_yaml_names_the_place_in_the_yaml(flowd: Flowd, tmp_path: Path) -> None:
    file = write(tmp_path / "m.asl.yaml", "StartAt: A\nStates:\n  A:\n    Type: Wait\n    End: true\n    Seconds: -1\n")
    assert flowd("check", str(file)).out == f"{file}:6:5: ERROR SCHEMA_VALIDATION_FAILED Minimum value is 0\n"


def test_check_of_broken_json_names_the_place(flowd: Flowd, tmp_path: Path) -> None:
    file = write(tmp_path / "m.asl.json", '{\n  "StartAt": "A",\n}')
    assert flowd("check", str(file)).out.startswith(f"{file}:3:1: ERROR INVALID_JSON_DESCRIPTION A comma may not")


def test_warnings_alone_are_exit_code_0(flowd: Flowd, tmp_path: Path) -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsNull": True, "Next": "Z"}]}
    file = write(tmp_path / "m.asl.json", machine(C=choice, Z={"Type": "Succeed"}))
    found = flowd("check", str(file))
    assert found.code == 0
    assert "WARNING ADVICE Choice without Default" in found.out


def test_check_refuses_what_no_daemon_of_this_version_runs(flowd: Flowd, tmp_path: Path) -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun", "End": True}
    file = write(tmp_path / "m.asl.json", machine(T=task))
    assert "ERROR INVALID_RESOURCE the integration glue is not built in flowd" in flowd("check", str(file)).out


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ("arn:aws:states:::bedrockagentcore:invokeHarness", "INVALID_RESOURCE the integration bedrockagentcore is not"),
        ("arn:aws:states:::aws-sdk:s3:noSuchThing", "region.; S3 has no operation noSuchThing; the name is an oper"),
        ("arn:aws:states:::nonsense:do", "SCHEMA_VALIDATION_FAILED The resource provided arn:aws:states:::nonsense:do"),
        ("${Work}", "region.; a template's DefinitionSubstitutions fill such a placeholder"),
    ],
)
def test_check_tells_what_flowd_has_not_from_what_aws_has_not_either(
    flowd: Flowd, tmp_path: Path, resource: str, words: str
) -> None:
    file = write(tmp_path / "m.asl.json", machine(T={"Type": "Task", "Resource": resource, "End": True}))
    assert words in flowd("check", str(file)).out


def test_check_says_who_fills_a_number_that_a_template_puts_in(flowd: Flowd, tmp_path: Path) -> None:
    text = '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": ${Pause}, "End": true}}}'
    found = flowd("check", str(write(tmp_path / "m.asl.json", text))).out
    assert "INVALID_JSON_DESCRIPTION" in found
    assert "DefinitionSubstitutions fill such a placeholder" in found


def test_check_of_a_folder_reads_it_as_the_daemon_does(flowd: Flowd, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    write(folder / "good.asl.json", machine(A={"Type": "Pass", "End": True}))
    write(folder / "deep" / "bad.asl.json", machine(A={"Type": "Pass"}))
    write(folder / "node_modules" / "ignored.asl.json", "{")
    write(folder / "functions" / "broken.py", "def handler(event, context:\n")
    found = flowd("check", str(folder), "--json")
    assert found.code == 1
    assert {Path(item["file"]).name for item in found.json} == {"bad.asl.json", "broken.py"}
    bad = next(item for item in found.json if item["file"].endswith("bad.asl.json"))
    assert (bad["line"], bad["column"], bad["location"]) == (4, 5, "/States/A")


def test_check_of_nothing_is_an_error(flowd: Flowd, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert flowd("check", str(tmp_path / "empty")).code == 1
    assert "cannot read" in flowd("check", str(tmp_path / "none.asl.json")).err


def test_check_puts_in_the_configured_substitutions(
    flowd: Flowd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "m.asl.json", machine(T={"Type": "Task", "Resource": "${Work}", "End": True}))
    assert flowd("check", str(file)).code == 1
    settings = write(tmp_path / "flowd.toml", f'[substitutions]\nWork = "{FUNCTION}"\n')
    monkeypatch.setenv("FLOWD_CONFIG", str(settings))
    assert flowd("check", str(file)).code == 0


def test_check_of_a_template_puts_in_the_configured_parameters(
    flowd: Flowd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        tmp_path / "shop" / "template.yaml",
        """\
Transform: AWS::Serverless-2016-10-31
Parameters: {Sender: {Type: String}}
Resources:
  M:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: {StartAt: A, States: {A: {Type: Pass, Result: !Ref Sender, End: true}}}
""",
    )
    refused = flowd("check", str(tmp_path / "shop"))
    assert refused.code == 1
    assert 'write Sender = "..." into [parameters.shop] of flowd.toml' in refused.out
    settings = write(tmp_path / "flowd.toml", '[parameters.shop]\nSender = "a@b.ch"\n')
    monkeypatch.setenv("FLOWD_CONFIG", str(settings))
    assert flowd("check", str(tmp_path / "shop")).code == 0


def test_run_prints_the_output(flowd: Flowd, tmp_path: Path) -> None:
    pass_state = {"Type": "Pass", "Parameters": {"b.$": "$.a"}, "Next": "Z"}
    file = write(tmp_path / "m.asl.json", machine(A=pass_state, Z={"Type": "Succeed"}))
    found = flowd("run", str(file), "--input", '{"a": [1, 2]}')
    assert (found.code, json.loads(found.out)) == (0, {"b": [1, 2]})


def test_run_reads_the_input_from_standard_input(flowd: Flowd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "m.asl.yaml", "StartAt: A\nStates: {A: {Type: Succeed}}\n")
    monkeypatch.setattr("sys.stdin", io.StringIO('{"from": "stdin"}'))
    assert flowd("run", str(file), "--input", "-").json == {"from": "stdin"}


def test_run_of_a_failure_is_exit_code_1_with_error_and_cause(flowd: Flowd, tmp_path: Path) -> None:
    file = write(tmp_path / "m.asl.json", machine(F={"Type": "Fail", "Error": "Nope", "Cause": "because"}))
    found = flowd("run", str(file))
    assert (found.code, found.out, found.err) == (1, "", "FAILED: Nope\nbecause\n")


def test_run_skips_waits_when_asked(flowd: Flowd, tmp_path: Path) -> None:
    wait = {"Type": "Wait", "Seconds": 86_400, "Next": "Z"}
    file = write(tmp_path / "m.asl.json", machine(W=wait, Z={"Type": "Succeed"}))
    assert flowd("run", str(file), "--skip-waits").code == 0


def test_run_refuses_an_invalid_definition_like_check(flowd: Flowd, tmp_path: Path) -> None:
    file = write(tmp_path / "m.asl.json", machine(A={"Type": "Pass"}))
    found = flowd("run", str(file))
    assert found.code == 1
    assert found.err.startswith(f"{file}:4:5: ERROR SCHEMA_VALIDATION_FAILED")


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ("arn:aws:states:us-east-1:000000000000:activity:people", "waits for a worker or a person"),
        ("arn:aws:states:::lambda:invoke.waitForTaskToken", "waits for a worker or a person"),
        ("arn:aws:states:::glue:startJobRun", "glue is not built"),
        (FUNCTION, "there is no function double"),
    ],
)
def test_run_names_the_tasks_it_cannot_run(flowd: Flowd, tmp_path: Path, resource: str, words: str) -> None:
    file = write(tmp_path / "m.asl.json", machine(T={"Type": "Task", "Resource": resource, "End": True}))
    found = flowd("run", str(file))
    assert found.code == 1
    assert words in found.err
    assert f"{file}:6:7: ERROR INVALID_RESOURCE" in found.err


def test_run_refuses_a_distributed_map_which_needs_a_store(flowd: Flowd, tmp_path: Path) -> None:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "A",
        "States": {"A": {"Type": "Pass", "End": True}},
    }
    file = write(tmp_path / "m.asl.json", machine(M={"Type": "Map", "ItemProcessor": processor, "End": True}))
    found = flowd("run", str(file))
    assert found.code == 1
    assert "needs a daemon" in found.err


def test_run_calls_the_functions_beside_the_definition(flowd: Flowd, tmp_path: Path) -> None:
    body = "def handler(event, context):\n    print('doubling')\n    return [2 * n for n in event]\n"
    write(tmp_path / "w" / "functions" / "double.py", body)
    task = {"Type": "Task", "Resource": FUNCTION, "End": True}
    file = write(tmp_path / "w" / "m.asl.json", machine(T=task))
    found = flowd("run", str(file), "--input", "[1, 2]", "--logs")
    assert (found.code, found.json) == (0, [2, 4])
    assert "doubling" in found.err


def test_run_retries_and_reports_what_a_function_raises(flowd: Flowd, tmp_path: Path) -> None:
    write(tmp_path / "w" / "functions" / "double.py", "def handler(event, context):\n    raise KeyError('gone')\n")
    retry = [{"ErrorEquals": ["KeyError"], "IntervalSeconds": 600, "MaxAttempts": 1}]
    task = {"Type": "Task", "Resource": FUNCTION, "Retry": retry, "End": True}
    file = write(tmp_path / "w" / "m.asl.json", machine(T=task))
    found = flowd("run", str(file), "--skip-waits")
    assert found.code == 1
    assert found.err.startswith("FAILED: KeyError\n")


def test_backup_and_restore_say_where_things_are(flowd: Flowd, home: Path) -> None:
    (home / "data").mkdir()
    with closing(sqlite3.connect(home / "data" / "flowd.db")) as connection:
        connection.execute("CREATE TABLE t (n)")
    copy = home / "copy.db"
    assert flowd("backup", str(copy)).out.startswith(f"{copy}: ")
    assert flowd("backup", str(copy)).code == 1
    assert "is kept as" in flowd("restore", str(copy)).out
