"""Connections: secrets go in, are found for calls, and are never told again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowd.services.events import SERVICE, connections
from flowd.services.ports import ServiceError
from flowd.store.events import EventsTables
from tests.services.box import Box

PARAMETERS = {
    "BasicAuthParameters": {"Username": "ada", "Password": "secret"},
    "InvocationHttpParameters": {
        "HeaderParameters": [
            {"Key": "X-A", "Value": "open", "IsValueSecret": False},
            {"Key": "X-B", "Value": "hidden", "IsValueSecret": True},
        ]
    },
}


@pytest.fixture
def box() -> Iterator[Box]:
    made = Box(SERVICE, EventsTables)
    made("CreateConnection", Name="crm", AuthorizationType="BASIC", AuthParameters=PARAMETERS)
    yield made
    made.close()


def test_secrets_are_found_for_calls_and_hidden_from_everybody(box: Box) -> None:
    found = box("DescribeConnection", Name="crm")
    assert found["AuthParameters"] == {
        "BasicAuthParameters": {"Username": "ada"},
        "InvocationHttpParameters": {
            "HeaderParameters": [
                {"Key": "X-A", "Value": "open", "IsValueSecret": False},
                {"Key": "X-B", "IsValueSecret": True},
            ]
        },
    }
    assert (found["ConnectionState"], found["AuthorizationType"]) == ("AUTHORIZED", "BASIC")
    for name in ("crm", found["ConnectionArn"]):
        kept = connections.secrets(box.tables, connections.name_of(name))
        assert kept is not None
        assert kept["AuthParameters"] == PARAMETERS
    [listed] = box("ListConnections")["Connections"]
    assert "AuthParameters" not in listed


def test_a_connection_changes_is_deauthorized_and_deleted(box: Box) -> None:
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k"}}
    box("UpdateConnection", Name="crm", AuthorizationType="API_KEY", AuthParameters=key)
    assert (connections.secrets(box.tables, "crm") or {})["AuthParameters"] == key
    renamed = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Other"}}  # what is not given stays
    box("UpdateConnection", Name="crm", AuthorizationType="API_KEY", AuthParameters=renamed)
    assert (connections.secrets(box.tables, "crm") or {})["AuthParameters"] == {
        "ApiKeyAuthParameters": {"ApiKeyName": "X-Other", "ApiKeyValue": "k"}
    }
    with pytest.raises(ServiceError, match="BASIC needs Password"):
        half = {"BasicAuthParameters": {"Username": "u"}}
        box("UpdateConnection", Name="crm", AuthorizationType="BASIC", AuthParameters=half)
    assert box("DeauthorizeConnection", Name="crm")["ConnectionState"] == "DEAUTHORIZED"
    assert connections.secrets(box.tables, "crm") is None
    box("DeleteConnection", Name="crm")
    with pytest.raises(ServiceError, match="does not exist"):
        box("DescribeConnection", Name="crm")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"Name": "crm"}, "ResourceAlreadyExistsException"),
        ({"Name": "a b"}, "ValidationException"),
        ({"AuthorizationType": "MAGIC"}, "ValidationException"),
        ({"AuthorizationType": "API_KEY"}, "ValidationException"),
        ({"AuthParameters": None}, "ValidationException"),
    ],
)
def test_connections_that_cannot_be_made_are_refused(box: Box, members: dict[str, object], code: str) -> None:
    given = {"Name": "new", "AuthorizationType": "BASIC", "AuthParameters": PARAMETERS, **members}
    with pytest.raises(ServiceError) as caught:
        box("CreateConnection", **given)
    assert caught.value.code == code
