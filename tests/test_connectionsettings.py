"""[connections.NAME]: which settings make which connection, and what is wrong with those that make none."""

from __future__ import annotations

import tomllib
from argparse import Namespace
from pathlib import Path

import pytest

from flowd.config import Config
from flowd.connectionsettings import ConnectionSettings, Secret, read
from flowd.errors import ConfigError

FILE = Path("/etc/flowd/flowd.toml")
ENVIRON = {"CREDENTIALS_DIRECTORY": "/run/credentials/flowd.service"}


def connections(text: str, environ: dict[str, str] = ENVIRON) -> list[ConnectionSettings]:
    return list(read(tomllib.loads(text).get("connections", {}), FILE, environ))


def test_a_key_a_password_and_a_client_are_connections_of_eventbridge() -> None:
    key, basic, client = connections(
        """
        [connections.shop]
        type = "api_key"
        header = "X-Key"
        secret_file = "keys/shop"
        headers = { X-Team = "blue" }
        query = { v = "2" }
        [connections.bank]
        type = "basic"
        user = "ada"
        secret_env = "BANK"
        [connections.crm]
        type = "oauth"
        client = "flowd"
        endpoint = "https://login/token"
        secret_credential = "crm"
        body = { scope = "all" }
        """
    )
    assert key.complete("k") == {
        "AuthorizationType": "API_KEY",
        "AuthParameters": {
            "ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k"},
            "InvocationHttpParameters": {
                "HeaderParameters": [{"Key": "X-Team", "Value": "blue", "IsValueSecret": False}],
                "QueryStringParameters": [{"Key": "v", "Value": "2", "IsValueSecret": False}],
            },
        },
    }
    assert basic.complete("p")["AuthParameters"] == {"BasicAuthParameters": {"Username": "ada", "Password": "p"}}
    assert client.complete("s")["AuthParameters"]["OAuthParameters"] == {
        "ClientParameters": {"ClientID": "flowd", "ClientSecret": "s"},
        "AuthorizationEndpoint": "https://login/token",
        "HttpMethod": "POST",
        "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "all", "IsValueSecret": False}]},
    }
    assert [each.secret for each in (key, basic, client)] == [
        Secret(Path("/etc/flowd/keys/shop")),
        Secret(variable="BANK"),
        Secret(Path("/run/credentials/flowd.service/crm")),
    ]
    assert "Password" not in str(basic.public)


API_KEY = '[connections.a]\ntype = "api_key"\nheader = "X"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("connections.a = 1", "[connections] a must be a section"),
        ('[connections."a b"]', "the name has letters"),
        ("[connections.a]", "[connections.a] type must be text"),
        ('[connections.a]\ntype = "key"', 'type must be "api_key" or "basic" or "oauth"'),
        (API_KEY, "needs one of secret_file, secret_env, secret_credential"),
        (f'{API_KEY}secret_env = "A"\nsecret_file = "B"', "needs one of"),
        (f'{API_KEY}secret = "s3cret"', "secret must be left out: write where it stands"),
        (f'{API_KEY}user = "u"', 'has no setting user for "api_key"; there are type, header'),
        (f'{API_KEY}secret_credential = "a/b"', "the name of a credential"),
        (f'{API_KEY}secret_env = "A"\nheaders = [1]', "headers must be a table of texts"),
        ('[connections.a]\ntype = "basic"\nsecret_env = "A"', "user must be text"),
        ('[connections.a]\ntype = "oauth"\nclient = "c"\nendpoint = "login"', "endpoint must be a URL"),
        ('[connections.a]\ntype = "oauth"\nclient = "c"\nendpoint = "http://l"\nmethod = "HEAD"', "GET or POST or PUT"),
    ],
)
def test_a_setting_that_makes_no_connection_is_named_without_its_secret(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connections(text)
    assert words in str(caught.value)
    assert str(FILE) in str(caught.value) and "s3cret" not in str(caught.value)


def test_without_systemd_s_credentials_the_unit_s_missing_line_is_told() -> None:
    with pytest.raises(ConfigError, match="LoadCredential=shop:/path"):
        connections(f'{API_KEY}secret_credential = "shop"', {})


def test_the_settings_file_may_have_connections(tmp_path: Path) -> None:
    file = tmp_path / "flowd.toml"
    file.write_text(f'{API_KEY}secret_file = "key"')
    [found] = Config.load(Namespace(), {"FLOWD_CONFIG": str(file)}).connections
    assert (found.name, found.secret) == ("a", Secret(tmp_path / "key"))
