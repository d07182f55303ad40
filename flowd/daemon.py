"""The composition root: the only place that constructs services and wires them, and their order of start and stop.

Start: addresses, database, runner, recovery, drop folder, listeners, READY. Stop: the reverse; long polls are answered
empty, requests in flight finish, the runner keeps what still runs. It decides nothing about workflows.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from pathlib import Path

from flowd.api.backends import EmbeddedBackend, ObjectsBackend
from flowd.api.ecs_api import EcsBackend
from flowd.api.front.server import HttpFront
from flowd.api.functions import Functions
from flowd.api.lambda_api import LambdaBackend
from flowd.api.lambda_invoke_configs import InvokeConfigOperations
from flowd.api.lambda_mappings import MappingOperations
from flowd.api.local import LocalOperations
from flowd.api.machines import go_on_deleting
from flowd.api.operations import Services, operations
from flowd.api.server import Addresses, Server
from flowd.api.wire.credentials import Credentials, load_or_create
from flowd.api.wire.listeners import SOCKET_PATH_BYTES
from flowd.api.wire.protocols.front import Backend, Front
from flowd.asl import jsonata
from flowd.asl.validate_resources import is_known_call
from flowd.clock import Clock, ScaledClock, SystemClock, iso8601
from flowd.config import Config
from flowd.core import Core
from flowd.decisions import Pattern
from flowd.engine.alarms import ApschedulerAlarms
from flowd.engine.bucketwatch import BucketWatch
from flowd.engine.cloud import Cloud
from flowd.engine.cluster import Cluster
from flowd.engine.codefiles import DOMAIN as CODE_DOMAIN
from flowd.engine.codefiles import CodeFiles
from flowd.engine.codeworkers import CodeWorkers, Site
from flowd.engine.connections import StoredConnections
from flowd.engine.deliveries.apidestinations import ApiDestinations
from flowd.engine.deliveries.carriers import to_machines, to_urls
from flowd.engine.deliveries.invocations import Invocations, deliver_to_functions
from flowd.engine.deliveries.invokesettings import InvokeConfigs
from flowd.engine.deliveries.messengers import to_people
from flowd.engine.dropfolder.scan import Scanner
from flowd.engine.dropfolder.taskdefinitions import site_of
from flowd.engine.dropfolder.watch import SETTLE_S, DropFolder
from flowd.engine.executions import Limits
from flowd.engine.expressions import Expressions
from flowd.engine.machines import Machines
from flowd.engine.objects import Objects
from flowd.engine.passthrough import PassThrough
from flowd.engine.projects import Projects
from flowd.engine.registrar import Registrar
from flowd.engine.sources.mappings import Mappings
from flowd.engine.sources.sources import Sources
from flowd.errors import ConfigError, reason
from flowd.integrations.mocks import MockedRegistry, Mocks
from flowd.integrations.models import names_of_services, service_of
from flowd.integrations.registry import Ports, Registry, refuse_unbuilt
from flowd.names import UnknownName
from flowd.operators.timeinhand import TimeInHand, remembered
from flowd.runner.client import RunnerClient
from flowd.runner.container_client import ContainerClient
from flowd.runner.line import RunnerUnreachable
from flowd.services.s3 import FolderBuckets

log = logging.getLogger(__name__)
#: Where both services are stopped at once, the runner's word that it is told to comes within milliseconds.
NOTICE_S = 0.5
#: Longer than it takes to stop (TimeoutStopSec of flowd-runner.service), shorter than this daemon may take.
LEAVE_S = 32.0


class Daemon:
    """One daemon. `start` returns when it serves; `stop` returns when nothing of it is left."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.stage = "settings"  # what a start is at, for people who wait for it
        self.clock = _clock(config)
        self._wire_engine(config)
        self._wire_services(config)
        self._wire_workflows(config)
        self._wire_listeners(config)

    def _wire_engine(self, config: Config) -> None:
        """The engine, and what Tasks call of the runner and of the daemon itself."""
        self.runner = RunnerClient(_runner_socket(config), packages=config.data / "packages")
        self.local = LocalOperations()
        self.invocations = Invocations(self.runner, self.clock)
        ports = Ports(clock=self.clock, functions=self.runner, later=self.invocations.delivery, operations=self.local)
        self.registry = Registry.of(ports)
        self.mocks = _mocks(config)
        self.buckets = FolderBuckets(config.buckets or config.data / "s3")
        self.core = Core(
            config.database,
            self.registry if self.mocks is None else MockedRegistry(self.registry, self.mocks),
            clock=self.clock,
            alarms=ApschedulerAlarms(self.clock, config.testing.time_factor if config.testing else 1.0),
            region=config.region,
            account=config.account,
            endpoint=_endpoint(config),
            map_objects=config.map_objects,
            limits=Limits(config.limits.redrive_days, config.limits.execution_days, config.limits.events),
            retention_days=config.retention_days,
            hooks=config.hooks.on if config.hooks.command or config.hooks.webhook else (),
            hook_command=config.hooks.command,
            hook_webhook=config.hooks.webhook,
            buckets=self.buckets,
            mocked=None if self.mocks is None else self.mocks.covers,
        )

    def _wire_services(self, config: Config) -> None:
        """AWS's services as Tasks and rules call them: those of this box, those that are passed through."""
        self.cluster = Cluster(self.core.db, self.clock, ContainerClient(self.runner), site_of(config))
        self.remote = PassThrough(config.cloud.remote, config.cloud.profile, config.cloud.region, config.region)
        self.cloud = Cloud(self.core.embedded, config.cloud.services, self.remote)
        self.objects = Objects(
            self.core.db, self.clock, self.core.embedded, self.buckets, config.region, config.account, _endpoint(config)
        )
        self.cloud.local["s3"] = self.objects
        self.bucket_watch = BucketWatch(self.objects, self.buckets)
        self.connections = StoredConnections(self.core.db, config.connections, os.environ)
        ports = Ports(clock=self.clock, containers=self.cluster, cloud=self.cloud, connections=self.connections)
        self.registry.connect(ports)
        deliver_to_functions(self.core.deliveries, self.invocations)
        self.core.deliveries.carriers.update(
            {
                "api-destination": ApiDestinations(self.core.db, self.connections, self.clock).carry,
                "apprise": to_people(config.mail),
                "http": to_urls(),
                "states": to_machines(self.local),
            }
        )

    def _wire_workflows(self, config: Config) -> None:
        """What comes into force, by the drop folder and by clients: machines, code, functions and what calls them."""
        self.machines = Machines(self.core.db, self.clock, self._refuse, region=config.region, account=config.account)
        self.expressions = Expressions()
        self.core.stepping.missing = self.machines.activities.missing
        workers = CodeWorkers(ContainerClient(self.runner), SystemClock(), _code_site(config))
        workers.lost = partial(self.core.swf_tasks.worker_died, CODE_DOMAIN)
        self.code = CodeFiles(self.core.db, self.clock, self.core.swf, workers, config.data / "code")
        self.core.workflows.current = self.code.current_version
        self.sources = Sources(self.core.db, self.core.embedded, self.runner, self.core.deliveries.put, config.region)
        self.registrar = Registrar(
            self.core.db,
            self.machines,
            self.core.schedules,
            self.runner,
            {},
            self.cluster.definitions,
            self.code,
            Projects(self.core.db, self.core.embedded, self.clock, self.cloud.local),
            self.sources,
        )
        self.invoke_configs = InvokeConfigs(self.core.db, lambda: self.registrar.functions)
        self.invocations.settings = self.invoke_configs.find
        scanner = Scanner(
            str(config.workflows),
            region=config.region,
            account=config.account,
            substitutions=config.substitutions,
            parameters=config.parameters,
            site=self.cluster.site,
            endpoint=_endpoint(config),
            front=config.http.base_url,
            still_s=SETTLE_S,
        )
        self.dropfolder = DropFolder(scanner, self.registrar, self.clock)

    def _wire_listeners(self, config: Config) -> None:
        """Who may come in, and what answers."""
        self.credentials = load_or_create(config.data)
        self.time = _time(self.clock, config, self.core, self.code)
        self.services = Services(
            config=config,
            clock=self.clock,
            core=self.core,
            machines=self.machines,
            registrar=self.registrar,
            code=self.code,
            runner=self.runner,
            dropfolder=self.dropfolder,
            time=self.time,
            mocks=self.mocks,
            link_secret=self.credentials.secret_key,
        )
        self.functions = Functions(self.runner, config.region, config.account)
        self.mappings = Mappings(self.core.db, self.sources, lambda name: self.functions.named(name)[1])
        table = operations(self.services)
        self.local.bind(table, self.core.closings.wait)
        front = Front(self._backends())
        self.server = Server(
            table,
            Addresses(unix=config.socket, tcp=config.listen),
            SystemClock(),  # signatures are dated by the clients' clocks, whatever time it is in here
            self.credentials if config.auth else None,
            on_drain=self._drain,
            front=front,
        )
        self.http = HttpFront(
            config.http, table, self.functions, self.credentials, self.clock, config.region, config.account, front
        )
        self.registrar.on_routes = self.http.set_routes

    def _backends(self) -> dict[str, Backend]:
        """Who answers for which service over the wire."""
        embedded = EmbeddedBackend(self.core.embedded)
        backends: dict[str, Backend] = dict.fromkeys(self.core.embedded.services, embedded)
        backends["s3"] = ObjectsBackend(self.objects)
        backends["lambda"] = LambdaBackend(
            self.functions,
            self.registrar,
            self.core.embedded.post,
            self.services.package_states,
            self.invocations.delivery,
            InvokeConfigOperations(self.functions, self.invoke_configs, self.clock),
            MappingOperations(self.functions, self.mappings, self.core.embedded, self.clock),
        )
        backends["ecs"] = EcsBackend(self.cluster)
        return {name: backend for name, backend in backends.items() if self.cloud.serves(name)}

    def _drain(self) -> None:
        self.core.waiters.stop()
        self.core.embedded.drain()

    def _refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        """Where a test case may answer, all that AWS knows can be loaded; not mocked, it fails when it is reached."""
        mocked = self.mocks is not None and (self.config.testing is not None or self.mocks.alone(service))
        if mocked and is_known_call(service, action, pattern):
            unknown = refuse_unbuilt(service, action)
            return unknown if isinstance(unknown, UnknownName) else None
        return self.registry.refuse(service, action, pattern)

    async def start(self) -> None:
        _make_drop_folder(self.config.workflows)
        self.server.claim()  # what another program has is told at once, not after a long recovery
        self.http.claim()
        self.stage = "opening the database, which a new version may have to convert"
        await self.core.open()
        self.stage = "taking up what was open"
        await self.connections.start(self.clock.now_ms())
        await self.invoke_configs.load()
        await self.machines.activities.load()
        jsonata.evaluate_apart(self.expressions)
        try:
            await self.runner.connect(spawn=self.config.runner_socket is None)
        except RunnerUnreachable as error:
            log.warning("functions wait until there is a runner: %s", error)
        self.registrar.environment.update(_environment(self.config, self.credentials))
        self.cluster.give(self.registrar.environment)
        await self.cluster.start()
        await self.core.start()
        self.code.workers.site.environment = dict(self.registrar.environment)
        await self.code.start()
        await self.objects.wanted.start()
        await self.bucket_watch.start()
        await self.services.desk.start()
        self.stage = f"reading {self.config.workflows}"
        await self.dropfolder.start()
        self.stage = "listening"
        await self.mappings.start()  # behind the functions that they call
        await go_on_deleting(self.services)
        await self.http.start()  # before the API answers: who has heard of the daemon may call its routes
        await self.server.start()

    async def stop(self) -> None:
        # While it still serves: what workers are at may be answered.
        if self.config.runner_socket is not None and self.code.versions:
            await self.runner.let_it_leave(NOTICE_S, LEAVE_S)
        await self.code.stop(and_processes=self.config.runner_socket is None)
        await self.http.stop()
        await self.server.stop()
        await self.dropfolder.stop()
        await self.sources.stop()
        await self.services.desk.stop()
        await self.cluster.stop()
        await self.bucket_watch.stop()
        await self.objects.wanted.stop()
        await self.core.stop()
        jsonata.evaluate_apart(None)
        self.expressions.stop()
        if self.time is not None:
            await self.time.remember()
        await self.runner.close()
        self.remote.stop()


def _mocks(config: Config) -> Mocks | None:
    """The mock file of a daemon for tests, or of services that are on "mock". Raises ConfigError."""
    mocked = config.cloud.mocked
    for name in sorted(mocked):
        if name not in ("http", "apigateway") and (name not in names_of_services() or service_of(name) != name):
            raise ConfigError(f"{config.file}: [services] {name} is no service by the name that boto3 gives it")
    file = (config.testing.mocks if config.testing else None) or (config.cloud.mocks if mocked else None)
    if file is None and mocked:
        said = f'{", ".join(sorted(mocked))} cannot be "mock" without a file of answers'
        raise ConfigError(f'{config.file}: [services] {said}: write file = "MockConfigFile.json" into [mocks]')
    return None if file is None else Mocks.load(file, mocked)


def _make_drop_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"the workflows folder {folder} is not there and cannot be made: {reason(error)}"
        raise ConfigError(f"{said}; make it, or choose another with --workflows (FLOWD_WORKFLOWS)") from None


def _runner_socket(config: Config) -> Path:
    """Ours stands beside the daemon's own socket and has its name, since other daemons' may stand there too."""
    if config.runner_socket is not None:
        return config.runner_socket
    path = config.socket.with_name(f"{config.socket.name}.runner")
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        said = f"the runner's socket stands beside the daemon's, and {path} has more than {SOCKET_PATH_BYTES} bytes"
        raise ConfigError(f"{said}; choose a shorter path with --socket (FLOWD_SOCKET)")
    return path


def _clock(config: Config) -> Clock:
    """The machine's time, or for tests a faster one that goes on where the last test daemon on these data was."""
    machine = SystemClock()
    before_ms = remembered(config.data)
    if config.testing is not None:
        return ScaledClock(machine, config.testing.time_factor, before_ms)
    if before_ms > machine.now_ms():
        log.warning("a test daemon used %s, its time was %s: what waits there waits until then",
                    config.data, iso8601(before_ms))  # fmt: skip
    return machine


def _code_site(config: Config) -> Site:
    """A runner of our own has our user and may use the socket; another one comes in by the port, as functions do."""
    by_socket = config.runner_socket is None or config.listen is None
    connection = ["--socket", str(config.socket.absolute())] if by_socket else []
    return Site([sys.executable, "-m", "flowd.sdk.worker"], connection)


def _time(clock: Clock, config: Config, core: Core, code: CodeFiles) -> TimeInHand | None:
    if not isinstance(clock, ScaledClock):
        return None
    return TimeInHand(clock, config.data, core, code.task_lists)


def _environment(config: Config, credentials: Credentials) -> dict[str, str]:
    """What functions find: this daemon as AWS's endpoint."""
    found = {
        "AWS_REGION": config.region,
        "AWS_DEFAULT_REGION": config.region,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
    }
    if endpoint := _endpoint(config):
        found.update(config.cloud.endpoints(endpoint))
    return found


def _endpoint(config: Config) -> str:
    """Where SDKs reach this daemon; "" if they do not."""
    if config.listen is None:
        return ""
    host, port = config.listen
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
