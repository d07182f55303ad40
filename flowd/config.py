"""Settings: where things are, where to listen, whom to tell. Read once at start, frozen from then on.

In order: command line, environment, `flowd.toml`, systemd's directories, XDG's directories. This module opens nothing
but the settings file and creates nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from flowd.cloudsettings import CloudSettings
from flowd.cloudsettings import read as read_cloud
from flowd.connectionsettings import ConnectionSettings
from flowd.connectionsettings import read as read_connections
from flowd.errors import ConfigError, reason
from flowd.httpsettings import KEYS as HTTP_KEYS
from flowd.httpsettings import HttpSettings
from flowd.httpsettings import read as read_http
from flowd.names import ACCOUNT, REGION

LISTEN: Final = "127.0.0.1:8083"
FOREVER: Final = 0
EVENTS: Final = ("prompt", "failure", "close")
#: A clock that goes faster than this reaches the end of the calendar within days.
FASTEST: Final = 100_000
MOCKS_VARIABLE: Final = "SFN_MOCK_CONFIG"
_SOCKET_PATH_BYTES = 107  # sun_path of AF_UNIX holds 108 with its end mark


@dataclass(frozen=True, slots=True)
class HookSettings:
    """On which events something fires, and what: a command (arguments) and/or a webhook (URL)."""

    on: tuple[str, ...] = EVENTS
    command: tuple[str, ...] = ()
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """AWS's windows and sizes, which are settings here."""

    redrive_days: int = 14
    execution_days: int = 365
    events: int = 25_000
    payload_bytes: int = 262_144


@dataclass(frozen=True, slots=True)
class TestingSettings:
    """A daemon for users' tests: how many times as fast its clock goes, and the file of mocks."""

    __test__ = False  # not for pytest

    time_factor: float = 1.0
    mocks: Path | None = None


@dataclass(frozen=True, slots=True)
class EcsSettings:
    """Container tasks: the program that runs images, and images whose commands are run without one."""

    engine: str = ""  # "" = podman or docker, whichever is found; `none`; a name or path
    local_images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of a daemon, and what its clients need to find it."""

    workflows: Path
    data: Path
    socket: Path
    listen: tuple[str, int] | None  # None: no TCP
    auth: bool = True
    region: str = REGION
    account: str = ACCOUNT
    retention_days: int = 90  # FOREVER keeps everything
    runner_socket: Path | None = None  # None: `serve` starts the runner itself
    buckets: Path | None = None  # the folder whose folders are S3 buckets; None: `s3` in the data folder
    hooks: HookSettings = field(default_factory=HookSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    map_objects: bool = False  # Maps iterate over objects, too
    substitutions: Mapping[str, str] = field(default_factory=dict)  # `${Name}` in definitions
    parameters: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict
    )  # of templates, by the name of their stack
    ecs: EcsSettings = field(default_factory=EcsSettings)
    mail: str | None = None  # the apprise URL of the server that sends what topics tell to addresses
    http: HttpSettings = field(default_factory=HttpSettings)  # off unless it listens
    cloud: CloudSettings = field(default_factory=CloudSettings)
    connections: tuple[ConnectionSettings, ...] = ()  # credentials of calls over HTTP
    testing: TestingSettings | None = None  # None: a daemon for real work
    file: Path | None = None  # the settings file, if there is one

    @property
    def database(self) -> Path:
        return self.data / "flowd.db"

    @property
    def lock(self) -> Path:
        """Held by the daemon that uses the data folder."""
        return self.data / "flowd.lock"

    @classmethod
    def load(cls, args: object, environ: Mapping[str, str]) -> Config:
        """From the command line (attributes workflows, data, socket, listen, no_auth; None = not given), the
        environment and the file. Raises ConfigError, which names the setting and where it stands."""
        places = _Places(environ)
        file = _file(environ, places)
        settings = _Settings(file)
        given = _Given(args, environ, settings)
        data = given.path("data", "FLOWD_DATA") or places.state
        listen = given.text("listen", "FLOWD_LISTEN") or LISTEN
        return cls(
            workflows=given.path("workflows", "FLOWD_WORKFLOWS") or places.configuration / "workflows",
            data=data,
            socket=_checked_socket(given.path("socket", "FLOWD_SOCKET") or places.runtime / "flowd.sock"),
            listen=_address(listen, auth := _auth(args, settings)),
            auth=auth,
            region=settings.text("daemon", "region") or REGION,
            account=_account(settings.text("daemon", "account") or ACCOUNT),
            retention_days=settings.days("daemon", "retention_days", 90),
            runner_socket=given.path("runner_socket", "FLOWD_RUNNER_SOCKET"),
            buckets=given.path("buckets", "FLOWD_BUCKETS"),
            hooks=_hooks(settings),
            limits=_limits(settings),
            map_objects=settings.flag("states", "map_objects", False),
            substitutions=settings.texts("substitutions"),
            parameters=settings.tables("parameters"),
            mail=settings.text("sns", "mail"),
            http=_http(settings),
            ecs=EcsSettings(settings.text("ecs", "engine") or "", settings.list("ecs", "local_images") or ()),
            cloud=_cloud(given, settings),
            connections=read_connections(settings.values.get("connections", {}), settings.file, environ),
            testing=_testing(args, given, settings),
            file=settings.file if settings.found else None,
        )


class _Places:
    """The directories of systemd's unit, else those of XDG."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        home = Path(environ.get("HOME") or "/")
        self.state = self._find(environ, "STATE_DIRECTORY", "XDG_STATE_HOME", home / ".local/state")
        self.configuration = self._find(environ, "CONFIGURATION_DIRECTORY", "XDG_CONFIG_HOME", home / ".config")
        self.runtime = self._find(environ, "RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", self.state.parent)

    @staticmethod
    def _find(environ: Mapping[str, str], systemd: str, xdg: str, fallback: Path) -> Path:
        # systemd gives several directories separated by colons; XDG paths must be absolute to count.
        first = environ.get(systemd, "").split(":")[0]
        if first:
            return Path(first)
        base = environ.get(xdg, "")
        return (Path(base) if base.startswith("/") else fallback) / "flowd"


class _Settings:
    """The file `flowd.toml`; every key that nobody knows is an error."""

    free: Final = ("substitutions", "parameters", "services", "connections")  # whose keys are names
    known: Final[dict[str, tuple[str, ...]]] = {
        "daemon": (
            *("workflows", "data", "socket", "listen", "auth", "region", "account", "retention_days"),
            *("runner_socket", "buckets"),
        ),
        "hooks": ("on", "command", "webhook"),
        "ecs": ("engine", "local_images"),
        "sns": ("mail",),
        "http": HTTP_KEYS,
        "aws": ("profile", "region"),
        "mocks": ("file",),
        "testing": ("enabled", "time_factor", "mocks"),
        "states": ("map_objects",),
        "limits": ("redrive_days", "execution_days", "events", "payload_bytes"),
    }

    def __init__(self, file: tuple[Path, bool]) -> None:
        self.file, required = file
        self.values: dict[str, Any] = {}
        self.found = False
        try:
            self.values = tomllib.loads(self.file.read_text("utf-8"))
            self.found = True
        except FileNotFoundError:
            if required:
                raise ConfigError(f"{self.file}: there is no such file (FLOWD_CONFIG)") from None
        except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{self.file}: {reason(error)}") from None
        self._check()

    def _check(self) -> None:
        for section, members in self.values.items():
            if section not in self.free and section not in self.known:
                known = ", ".join(f"[{name}]" for name in (*self.known, *self.free))
                raise ConfigError(f"{self.file}: [{section}] is no section; there are {known}")
            if not isinstance(members, dict):
                raise ConfigError(f"{self.file}: {section} must be a section: [{section}]")
            for key in members:
                if section in self.known and key not in self.known[section]:
                    names = ", ".join(self.known[section])
                    raise ConfigError(f"{self.file}: [{section}] has no setting {key}; there are {names}")

    def fail(self, section: str, key: str, wanted: str) -> ConfigError:
        return ConfigError(f"{self.file}: [{section}] {key} must be {wanted}")

    def get(self, section: str, key: str) -> Any:
        return self.values.get(section, {}).get(key)

    def text(self, section: str, key: str) -> str | None:
        value = self.get(section, key)
        if value is not None and not isinstance(value, str):
            raise self.fail(section, key, "text in quotes")
        return value or None

    def flag(self, section: str, key: str, default: bool) -> bool:
        value = self.get(section, key)
        if value is not None and not isinstance(value, bool):
            raise self.fail(section, key, "true or false")
        return default if value is None else value

    def number(self, section: str, key: str, default: int) -> int:
        value = self.get(section, key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.fail(section, key, "a whole number above 0")
        return value

    def days(self, section: str, key: str, default: int) -> int:
        return FOREVER if self.get(section, key) == "forever" else self.number(section, key, default)

    def list(self, section: str, key: str) -> tuple[str, ...] | None:
        value = self.get(section, key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fail(section, key, 'a list of texts: ["...", "..."]')
        return tuple(value)

    def texts(self, section: str) -> dict[str, str]:
        return self._texts(section, self.values.get(section, {}))

    def tables(self, section: str) -> dict[str, dict[str, str]]:
        for key, members in self.values.get(section, {}).items():
            if not isinstance(members, dict):
                raise self.fail(section, key, f"in a section of its own: [{section}.NAME]")
        return {key: self._texts(f"{section}.{key}", each) for key, each in self.values.get(section, {}).items()}

    def _texts(self, section: str, members: dict[str, Any]) -> dict[str, str]:
        for key, value in members.items():
            if not isinstance(value, str | int | float | bool):
                raise self.fail(section, key, "text or a number")
        return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in members.items()}


class _Given:
    """A setting that the command line, the environment or the file may hold."""

    def __init__(self, args: object, environ: Mapping[str, str], settings: _Settings) -> None:
        self._args = args
        self._environ = environ
        self._settings = settings

    def text(self, name: str, variable: str) -> str | None:
        value = getattr(self._args, name, None) or self._environ.get(variable)
        return str(value) if value else self._settings.text("daemon", name)

    def path(self, name: str, variable: str, section: str = "daemon") -> Path | None:
        """Relative paths of the file count from its folder, others from the working directory."""
        value = getattr(self._args, name, None) or self._environ.get(variable)
        if value:
            return Path(value).expanduser().absolute()
        text = self._settings.text(section, name)
        return (self._settings.file.parent / Path(text).expanduser()).absolute() if text else None


def _file(environ: Mapping[str, str], places: _Places) -> tuple[Path, bool]:
    """The settings file, and whether it must exist."""
    named = environ.get("FLOWD_CONFIG")
    return (Path(named).absolute(), True) if named else (places.configuration / "flowd.toml", False)


def _auth(args: object, settings: _Settings) -> bool:
    return not getattr(args, "no_auth", False) and settings.flag("daemon", "auth", True)


def _address(text: str, auth: bool) -> tuple[str, int] | None:
    """`HOST:PORT`, `[::1]:PORT` or `off`. Without signatures only loopback is allowed: anybody could start anything."""
    if text == "off":
        return None
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"listen: '{text}' is not HOST:PORT (as {LISTEN}) or off")
    if not auth and not _is_loopback(host):
        raise ConfigError(f"listen: without authentication only loopback is allowed, not {host}")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked_socket(path: Path) -> Path:
    if len(str(path).encode()) > _SOCKET_PATH_BYTES:
        hint = "choose a shorter one with --socket (FLOWD_SOCKET)"
        said = f"socket: {path} is longer than {_SOCKET_PATH_BYTES} bytes, which a unix socket cannot be"
        raise ConfigError(f"{said}; {hint}")
    return path


def _account(text: str) -> str:
    if len(text) != 12 or not text.isdecimal():
        raise ConfigError(f"account: '{text}' is not 12 digits")
    return text


def _hooks(settings: _Settings) -> HookSettings:
    on = settings.list("hooks", "on")
    for event in on or ():
        if event not in EVENTS:
            raise settings.fail("hooks", "on", f"a list of {', '.join(EVENTS)} (not '{event}')")
    command, webhook = settings.list("hooks", "command") or (), settings.text("hooks", "webhook")
    if webhook is not None and not webhook.startswith(("http://", "https://")):
        raise settings.fail("hooks", "webhook", "a URL that begins http:// or https://")
    if on is not None and not command and not webhook:
        raise settings.fail("hooks", "on", "together with command or webhook: nothing would be told to nobody")
    return HookSettings(EVENTS if on is None else on, command, webhook)


def _limits(settings: _Settings) -> LimitSettings:
    default = LimitSettings()
    return LimitSettings(
        redrive_days=settings.number("limits", "redrive_days", default.redrive_days),
        execution_days=settings.number("limits", "execution_days", default.execution_days),
        events=settings.number("limits", "events", default.events),
        payload_bytes=settings.number("limits", "payload_bytes", default.payload_bytes),
    )


def _http(settings: _Settings) -> HttpSettings:
    text = settings.text("http", "listen") or "off"
    return read_http(settings.values.get("http", {}), _address(text, auth=True), str(settings.file))


def _cloud(given: _Given, settings: _Settings) -> CloudSettings:
    return read_cloud(
        settings.texts("services"),
        settings.values.get("aws", {}),
        given.path("file", MOCKS_VARIABLE, "mocks"),
        str(settings.file),
    )


def _testing(args: object, given: _Given, settings: _Settings) -> TestingSettings | None:
    """Only on request: `--testing` or an option that means it, or a section [testing] that is not switched off.

    The variable that names the mocks is the one of Step Functions Local; it makes no daemon a test daemon.
    """
    factor, mocks = getattr(args, "time_factor", None), getattr(args, "mocks", None)
    asked = bool(getattr(args, "testing", False)) or factor is not None or bool(mocks)
    if not asked and not settings.flag("testing", "enabled", "testing" in settings.values):
        return None
    where = "--time-factor"
    if factor is None:
        factor, where = settings.get("testing", "time_factor"), f"{settings.file}: [testing] time_factor"
    return TestingSettings(
        1.0 if factor is None else _factor(factor, where), given.path("mocks", MOCKS_VARIABLE, "testing")
    )


def _factor(value: object, where: str) -> float:
    try:
        factor = float(str(value))
    except ValueError:
        factor = 0.0
    if not 1 <= factor <= FASTEST:
        raise ConfigError(f"{where} must be a number from 1 to {FASTEST:,}, not {value}")
    return factor
