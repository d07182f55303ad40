"""Every operation of AWS's services that the daemon serves, called well and badly by real clients as users have them.

boto3 is always asked. The AWS CLI is, where FLOWD_AWS_CLI names the Python it is installed for, and the SDK for Node,
where FLOWD_AWS_NODE names the `node_modules` that hold its clients.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.session import Session

from flowd.names import ENDPOINTS
from tests.clients import compute
from tests.clients.caller import AwsCli, Boto3, Caller, Node
from tests.clients.played import TABLES, play
from tests.crash.real_box import Box

MODELS: Final = Session()
#: What these need does not fit into a row: a move of messages is over when it is answered, a replay of nothing is so,
#: and the token of a subscription is told to a URL.
NEVER_WELL: Final = {("sqs", "CancelMessageMoveTask"), ("events", "CancelReplay"), ("sns", "ConfirmSubscription")}
#: What a client is, and the variable that names where it is installed.
PLACES: Final = {
    "cli": ("the AWS CLI", "FLOWD_AWS_CLI"),
    "node": ("the SDK for Node", "FLOWD_AWS_NODE"),
}


def asked(*, well: bool) -> set[tuple[str, str]]:
    """Service and operation of all rows that must, or must not, be answered."""
    return {(row.service, row.operation) for rows in TABLES.values() for row in rows if (row.fault == "") is well}


def served(home: Path) -> Box:
    """A daemon with the files that the tables need."""
    box = Box(home)
    for name, text in compute.FILES.items():
        (box.workflows / name).write_text(text)
    box.start()
    return box


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    found = served(tmp_path_factory.mktemp("clients"))
    yield found
    found.close()


def environ(box: Box) -> dict[str, str]:
    """A shell after `eval "$(flowd env)"`."""
    return {**box.environ, **json.loads(box.command("env", "--json"))}


@pytest.fixture(scope="module", params=["boto3", "cli", "node"])
def caller(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A client, and a daemon of its own behind it."""
    place = ""
    if request.param in PLACES:
        what, variable = PLACES[request.param]
        place = os.environ.get(variable, "")
        if not place:
            pytest.skip(f"{what} is not installed here, or {variable} does not name the place")
    home = served(tmp_path_factory.mktemp(request.param))
    made: Caller
    if request.param == "boto3":
        made = Boto3(environ(home))
    elif request.param == "cli":
        made = AwsCli(place, environ(home))
    else:
        made = Node(Path(place), environ(home))
    yield made
    made.close()
    home.close()


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_what_a_client_asks_is_answered_or_refused_as_the_table_has_it(caller: Caller, table: str) -> None:
    assert play(TABLES[table], caller) == []


def test_each_operation_of_the_tables_is_called_well_and_badly() -> None:
    assert asked(well=True) - asked(well=False) == set()
    assert asked(well=False) - asked(well=True) == NEVER_WELL


def member(shape: Shape) -> Any:
    """The least that a member can be."""
    if isinstance(shape, StructureShape):
        return {name: member(shape.members[name]) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [member(shape.member)]
    if isinstance(shape, MapShape):
        return {}
    return {"boolean": True, "blob": b"x", "integer": 1, "long": 1, "timestamp": 0}.get(shape.type_name, "xxx")


@pytest.mark.slow
@pytest.mark.parametrize("service", ENDPOINTS)
def test_an_operation_without_a_row_says_that_it_is_not_built(box: Box, service: str) -> None:
    with patch.dict(os.environ, environ(box)):
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        client = boto3.Session().client(service, config=config)
    wrong = []
    model = MODELS.get_service_model(service)
    known = asked(well=True) | asked(well=False)
    for method, operation in sorted(client.meta.method_to_api_mapping.items()):
        if (service, operation) in known:
            continue
        shape = model.operation_model(operation).input_shape
        try:
            getattr(client, method)(**({} if shape is None else member(shape)))
        except ClientError as error:
            said = error.response["Error"]
            if "not built in flowd" in said["Message"]:
                continue
            wrong.append(f"{operation}: {said['Code']}: {said['Message']}")
        except Exception as error:
            wrong.append(f"{operation}: {type(error).__name__}: {error}")
        else:
            wrong.append(f"{operation} was answered")
    client.close()
    assert "\n".join(wrong) == ""
