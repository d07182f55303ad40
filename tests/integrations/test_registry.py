"""What every row of the registry promises, and how services are found."""

from __future__ import annotations

import inspect

import pytest

from flowd.api.local import LocalOperations
from flowd.clock import ManualClock
from flowd.integrations.noop import Noop
from flowd.integrations.ports import Integration
from flowd.integrations.registry import ROWS, Ports, Registry, refuse_unbuilt
from flowd.names import UnknownName
from tests.integrations.test_ecs import Host as Cluster
from tests.integrations.test_http import Net
from tests.integrations.test_lambda import Host
from tests.integrations.test_sdk import Answers

PORTS = Ports(
    ManualClock(),
    functions=Host(),
    operations=LocalOperations(),
    containers=Cluster(),
    cloud=Answers(),
    connections=Net(),
)


@pytest.mark.parametrize("service", sorted(ROWS))
def test_every_row_makes_an_integration_that_says_what_a_restart_does(service: str) -> None:
    integration = Registry.of(PORTS).find(service)
    assert integration is not None
    assert integration.on_restart in ("reattach", "fail", "again")
    for method in ("call", "wait", "cancel", "acknowledge"):
        assert inspect.iscoroutinefunction(getattr(integration, method)), method
    assert integration.refuse(service, "noSuchAction", "") is not None


def test_a_service_without_a_row_is_refused_and_what_is_built_is_named() -> None:
    registry = Registry.of(PORTS)
    assert registry.find("glue") is None
    built = ", ".join(sorted([*ROWS, "activity"]))
    assert registry.refuse("glue", "startJobRun", "") == f"the integration glue is not built in flowd (built: {built})"


@pytest.mark.parametrize(
    ("service", "action", "reason", "nobody"),
    [
        ("glue", "startJobRun", "glue is not built in flowd (built: activity, apigateway", False),
        ("bedrockagentcore", "invokeHarness", "bedrockagentcore is not built in flowd", False),
        ("aws-sdk:s3", "noSuchThing", "S3 has no operation noSuchThing", True),
        ("aws-sdk:nosuch", "doIt", "is no service that AWS's SDK knows", True),
        ("aws-sdk:pinpointsmsvoice", "sendVoiceMessage", None, False),
        ("activity", "", None, False),
        ("lambda", "invoke", None, False),
    ],
)
def test_without_a_daemon_what_none_could_run_is_known(
    service: str, action: str, reason: str | None, nobody: bool
) -> None:
    said = refuse_unbuilt(service, action)
    assert said is None if reason is None else reason in (said or "")
    assert isinstance(said, UnknownName) == nobody


def test_a_row_without_its_port_is_not_configured() -> None:
    registry = Registry.of(Ports(ManualClock()))
    assert registry.find("lambda") is None
    assert registry.refuse("lambda", "invoke", "") == "the integration lambda is not configured in this daemon"
    assert registry.refuse("states", "startExecution", "") == "the integration states is not configured in this daemon"


def test_the_engine_runs_activities_itself() -> None:
    assert Registry.of(PORTS).refuse("activity", "", "") is None


def test_an_integration_refuses_for_itself() -> None:
    registry = Registry.of(PORTS)
    assert registry.refuse("lambda", "invoke", "") is None
    assert "no .sync" in (registry.refuse("lambda", "invoke", "sync") or "")


def test_sdk_calls_are_served_by_a_row_of_their_service_or_by_that_of_all() -> None:
    every, one = Noop(), Noop()
    rows: dict[str, Integration] = {"aws-sdk": every, "aws-sdk:s3": one}
    registry = Registry(rows)
    assert registry.find("aws-sdk:s3") is one
    assert registry.find("aws-sdk:sqs") is every
    assert registry.find("s3") is None


def test_a_row_whose_port_comes_later_is_added_and_takes_no_other_place() -> None:
    registry = Registry.of(Ports(ManualClock(), functions=Host()))
    before = registry.find("lambda")
    registry.connect(PORTS)
    assert registry.find("ecs") is not None
    assert registry.find("lambda") is before
