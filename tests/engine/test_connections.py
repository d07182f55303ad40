"""Connections of the settings: shown by the API, their secrets read where they stand and never told."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowd.connectionsettings import ConnectionSettings, Secret
from flowd.engine.connections import SecretMissing, StoredConnections
from flowd.errors import ConfigError
from flowd.services.ports import ServiceError
from tests.engine.world import World

PUBLIC = {
    "AuthorizationType": "API_KEY",
    "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key"}},
}
ARN = "arn:aws:events:us-east-1:000000000000:connection/shop/0"


def configured(secret: Secret, name: str = "shop") -> ConnectionSettings:
    return ConnectionSettings(name, f"flowd.toml: [connections.{name}]", PUBLIC, secret)


async def test_a_connection_of_the_settings_is_shown_by_the_api_and_used_with_its_secret(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("s3cret\n")
    async with World(tmp_path) as box:
        found = StoredConnections(box.core.db, [configured(Secret(key))])
        await found.start(5_000)
        used = await found.find(ARN)
        assert used is not None
        assert used["AuthParameters"]["ApiKeyAuthParameters"] == {"ApiKeyName": "X-Key", "ApiKeyValue": "s3cret"}
        shown = await box.core.embedded.invoke("events", "DescribeConnection", {"Name": "shop"})
        assert shown["AuthParameters"] == PUBLIC["AuthParameters"]
        assert (shown["ConnectionState"], shown["Description"]) == ("AUTHORIZED", "flowd.toml")
        for operation in ("DeleteConnection", "DeauthorizeConnection", "UpdateConnection"):
            with pytest.raises(ServiceError, match=r"stands in flowd\.toml"):
                await box.core.embedded.invoke("events", operation, {"Name": "shop", "Description": "mine"})
        key.write_text("another")  # a secret that changes needs no restart
        assert "another" in str(await found.find("shop"))
        await StoredConnections(box.core.db).start(6_000)  # the next daemon's settings have none
        assert await box.core.embedded.invoke("events", "ListConnections", {}) == {"Connections": []}


async def test_a_secret_that_is_not_there_stops_the_start_and_later_the_call(tmp_path: Path) -> None:
    key = tmp_path / "key"
    async with World(tmp_path) as box:
        found = StoredConnections(box.core.db, [configured(Secret(key))])
        with pytest.raises(ConfigError, match=r"flowd.toml: \[connections.shop\]: the secret cannot be read: .*key"):
            await found.start(0)
        key.write_bytes(b"\xff")
        with pytest.raises(SecretMissing, match="is no text"):
            await found.find("shop")
        variable = StoredConnections(box.core.db, [configured(Secret(variable="SHOP"))], {"SHOP": "\n"})
        with pytest.raises(ConfigError, match="no secret in the variable SHOP"):
            await variable.start(0)


async def test_a_name_that_the_api_has_taken_is_not_taken_over(tmp_path: Path) -> None:
    async with World(tmp_path) as box:
        parameters = {"ApiKeyAuthParameters": {"ApiKeyName": "X", "ApiKeyValue": "v"}}
        made = {"Name": "shop", "AuthorizationType": "API_KEY", "AuthParameters": parameters}
        await box.core.embedded.invoke("events", "CreateConnection", made)
        found = StoredConnections(box.core.db, [configured(Secret(variable="V"))], {"V": "v"})
        with pytest.raises(ConfigError, match="was made with EventBridge's API: delete that one"):
            await found.start(0)
        assert await StoredConnections(box.core.db).find("shop") is not None
