"""`flowd env`: what a client exports to talk to this daemon with the AWS SDK it already has."""

from __future__ import annotations

import argparse
import os
import shlex
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from flowd.api.wire.credentials import FILE, Credentials, load_or_create
from flowd.cli.command import OK, Command, CommandError, config_of, socket_option
from flowd.cli.output import print_json
from flowd.client import Client, RemoteError, Unreachable
from flowd.config import Config


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", metavar="DIR", help="the daemon's data folder (FLOWD_DATA; else the running daemon says which)"
    )
    parser.add_argument("--json", action="store_true", help="as a JSON object")
    socket_option(parser)


def _run(args: argparse.Namespace) -> int:
    config = config_of(args)
    health = _health(config)
    if not (args.data or os.environ.get("FLOWD_DATA")) and health.get("dataDirectory"):
        config = replace(config, data=Path(str(health["dataDirectory"])))
    values = settings(config, _endpoint(config, health))
    if args.json:
        print_json(values)
        return OK
    print('# eval "$(flowd env)"')
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")
    return OK


def settings(config: Config, endpoint: str) -> dict[str, str]:
    """Environment variables of AWS's SDKs. Without authentication any key will do, so one is given.

    A general AWS_ENDPOINT_URL would send the daemon the requests for services that it does not have, too.
    """
    key = _key(config) if config.auth else Credentials("flowd", "flowd")
    return {
        **config.cloud.endpoints(endpoint),
        "AWS_REGION": config.region,
        "AWS_DEFAULT_REGION": config.region,
        "AWS_ACCESS_KEY_ID": key.access_key,
        "AWS_SECRET_ACCESS_KEY": key.secret_key,
    }


def _key(config: Config) -> Credentials:
    """The daemon's key, which only the daemon makes: asking for it must leave no trace."""
    file = config.data / FILE
    try:
        if not file.is_file():
            raise CommandError(f"there is no key {file} yet: the daemon makes it when it first starts")
    except PermissionError:
        raise CommandError(f"{file} may be read by its owner only: run this as the user of the daemon") from None
    return load_or_create(config.data)


def _health(config: Config) -> dict[str, Any]:
    """What the running daemon says of itself, which counts before what is configured; nothing if none answers."""
    try:
        with closing(Client(config.socket, timeout_s=5)) as client:
            return client.flowd("Health")
    except (Unreachable, RemoteError):
        return {}


def _endpoint(config: Config, health: dict[str, Any]) -> str:
    """Where the running daemon listens, else where it is configured to."""
    for listener in health.get("listeners", ()):
        if str(listener).startswith("http://"):
            return str(listener).rstrip("/")
    if config.listen is None:
        raise CommandError("the daemon does not listen on TCP (listen = off), which SDKs need: `flowd serve --listen`")
    host, port = config.listen
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


COMMANDS = {"env": Command("print what an SDK client exports", _arguments, _run)}
