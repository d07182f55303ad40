"""SWF executions as the engine holds them: how one is made from its settings, and how its ARN is spelled.

SWF has no ARNs for executions. Ours is for flowd's own lists and commands, and names domain, workflowId and runId.
"""

from __future__ import annotations

from flowd import names
from flowd.decisions import StartNextRun
from flowd.engine.deciders import Decider
from flowd.engine.live import Live
from flowd.frames import ROOT, Execution
from flowd.payload import Payload
from flowd.swf_frames import Settings, WorkflowFrame

TYPE = "SWF"


def execution_arn(settings: Settings, region: str, account: str) -> str:
    return names.swf_execution_arn(settings.domain, settings.workflow_id, settings.run_id, region, account)


def new_run(
    execution_id: int,
    settings: Settings,
    input: Payload | None,
    decider: Decider,
    *,
    domain_id: int,
    now_ms: int,
    region: str,
    account: str,
    event_limit: int,
    trigger: str = "api",
) -> Live:
    """An execution that has not begun."""
    execution = Execution(
        arn=execution_arn(settings, region, account),
        name=settings.workflow_id,
        machine_arn=names.swf_type_arn(settings.domain, settings.type_name, settings.type_version, region, account),
        machine_name=settings.type_name,
        role_arn=settings.lambda_role or "",
        input=input.twin() if input is not None else Payload(text=""),
        started_ms=now_ms,
        type=TYPE,
        region=region,
        event_limit=event_limit,
    )
    return Live(
        id=execution_id,
        execution=execution,
        decider=decider,
        machine_id=-domain_id,  # counted under its domain; machines have positive ids
        definition_id=0,
        frames={ROOT: WorkflowFrame(settings=settings)},
        trigger=trigger,
    )


def next_run(execution_id: int, live: Live, decision: StartNextRun, now_ms: int) -> Live:
    """The run that continues another one."""
    parts = names.split_arn(live.execution.arn)
    return new_run(
        execution_id,
        decision.settings,
        decision.input,
        live.decider,
        domain_id=-live.machine_id,
        now_ms=now_ms,
        region=live.execution.region,
        account=parts.account if parts else names.ACCOUNT,
        event_limit=live.execution.event_limit,
        trigger=live.trigger,
    )
