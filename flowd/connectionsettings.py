"""The sections [connections.NAME] of the settings: credentials for calls over HTTP, by name. Pure; opens nothing.

[connections.shop]
type = "api_key"                   # or "basic" (user), "oauth" (client, endpoint)
header = "X-Key"
secret_credential = "shop"         # systemd's; or secret_file = "PATH", secret_env = "VARIABLE"

The secret itself is never here: it is read where it stands each time a connection is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flowd.errors import ConfigError

_NAME: Final = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
#: What each kind must have, beside its secret, and may have.
_KINDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "api_key": (("header",), ()),
    "basic": (("user",), ()),
    "oauth": (("client", "endpoint"), ("method", "body")),
}
_SOURCES: Final = ("secret_file", "secret_env", "secret_credential")
_METHODS: Final = ("GET", "POST", "PUT")  # of an authorization endpoint (API reference, CreateConnection)
_HIDDEN: Final = "secret"


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret stands: a file, or a variable of the daemon's environment."""

    file: Path | None = None
    variable: str = ""

    def __str__(self) -> str:
        return f"the variable {self.variable}" if self.file is None else str(self.file)


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """One connection. `public` has AuthorizationType and AuthParameters as EventBridge's API, without the secret."""

    name: str
    place: str  # for errors: the file and the section
    public: Mapping[str, Any]
    secret: Secret

    def complete(self, secret: str) -> dict[str, Any]:
        """AuthorizationType and AuthParameters with the secret in its place."""
        kind, parameters = self.public["AuthorizationType"], dict(self.public["AuthParameters"])
        if kind == "BASIC":
            parameters["BasicAuthParameters"] = {**parameters["BasicAuthParameters"], "Password": secret}
        elif kind == "API_KEY":
            parameters["ApiKeyAuthParameters"] = {**parameters["ApiKeyAuthParameters"], "ApiKeyValue": secret}
        else:
            part = parameters["OAuthParameters"]
            client = {**part["ClientParameters"], "ClientSecret": secret}
            parameters["OAuthParameters"] = {**part, "ClientParameters": client}
        return {"AuthorizationType": kind, "AuthParameters": parameters}


def read(sections: Mapping[str, Any], file: Path, environ: Mapping[str, str]) -> tuple[ConnectionSettings, ...]:
    """From `[connections.*]` of a file, from whose folder paths count. Raises ConfigError, which names the setting."""
    return tuple(_Reader(name, values, file).settings(environ) for name, values in sections.items())


class _Reader:
    """The members of one connection, checked for their kind."""

    def __init__(self, name: str, values: Any, file: Path) -> None:
        self._name = name
        self._place = f"{file}: [connections.{name}]"
        self._folder = file.parent
        if not isinstance(values, dict):
            raise ConfigError(f"{file}: [connections] {name} must be a section: [connections.{name}]")
        self._values: dict[str, Any] = values

    def settings(self, environ: Mapping[str, str]) -> ConnectionSettings:
        if not _NAME.fullmatch(self._name):
            raise ConfigError(f"{self._place}: the name has letters, digits, '.', '-' and '_', 64 at most")
        kind = self._text("type")
        if kind not in _KINDS:
            raise self._fail("type", " or ".join(f'"{each}"' for each in _KINDS))
        required, further = _KINDS[kind]
        known = ("type", *required, *further, *_SOURCES, "headers", "query")
        for key in self._values:
            if key == _HIDDEN:
                raise self._fail(key, f"left out: write where it stands, as {', '.join(_SOURCES)}")
            if key not in known:
                raise ConfigError(f'{self._place} has no setting {key} for "{kind}"; there are {", ".join(known)}')
        parameters = self._parameters(kind)
        added = {
            member: [{"Key": key, "Value": value, "IsValueSecret": False} for key, value in self._table(name).items()]
            for name, member in (("headers", "HeaderParameters"), ("query", "QueryStringParameters"))
            if name in self._values
        }
        if added:
            parameters["InvocationHttpParameters"] = added
        public = {"AuthorizationType": _TYPES[kind], "AuthParameters": parameters}
        return ConnectionSettings(self._name, self._place, public, self._secret(environ))

    def _parameters(self, kind: str) -> dict[str, Any]:
        if kind == "basic":
            return {"BasicAuthParameters": {"Username": self._text("user")}}
        if kind == "api_key":
            return {"ApiKeyAuthParameters": {"ApiKeyName": self._text("header")}}
        endpoint, method = self._text("endpoint"), self._values.get("method", "POST")
        if not endpoint.startswith(("https://", "http://")):
            raise self._fail("endpoint", "a URL")
        if method not in _METHODS:
            raise self._fail("method", " or ".join(_METHODS))
        part = {
            "ClientParameters": {"ClientID": self._text("client")},
            "AuthorizationEndpoint": endpoint,
            "HttpMethod": method,
        }
        body = [{"Key": key, "Value": value, "IsValueSecret": False} for key, value in self._table("body").items()]
        return {"OAuthParameters": {**part, **({"OAuthHttpParameters": {"BodyParameters": body}} if body else {})}}

    def _secret(self, environ: Mapping[str, str]) -> Secret:
        given = [source for source in _SOURCES if source in self._values]
        if len(given) != 1:
            raise ConfigError(f"{self._place} needs one of {', '.join(_SOURCES)}")
        text = self._text(given[0])
        if given[0] == "secret_env":
            return Secret(variable=text)
        if given[0] == "secret_file":
            return Secret((self._folder / Path(text).expanduser()).absolute())
        folder = environ.get("CREDENTIALS_DIRECTORY")
        if "/" in text:
            raise self._fail(given[0], "the name of a credential, not a path")
        if not folder:
            said = f"LoadCredential={text}:/path in the unit of the daemon; systemd has given it no credentials"
            raise ConfigError(f"{self._place} secret_credential needs {said}")
        return Secret(Path(folder) / text)

    def _text(self, key: str) -> str:
        value = self._values.get(key)
        if not isinstance(value, str) or not value:
            raise self._fail(key, "text in quotes")
        return value

    def _table(self, key: str) -> dict[str, str]:
        value = self._values.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise self._fail(key, 'a table of texts: { name = "..." }')
        return value

    def _fail(self, key: str, wanted: str) -> ConfigError:
        return ConfigError(f"{self._place} {key} must be {wanted}")


_TYPES: Final = {"api_key": "API_KEY", "basic": "BASIC", "oauth": "OAUTH_CLIENT_CREDENTIALS"}
