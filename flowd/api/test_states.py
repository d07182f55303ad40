"""TestState: one state of a definition, run alone. The state is `asl.teststate`'s, a Task's call the integration's.

Nothing is stored: no execution, no history. With a mock nothing outside is called at all.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from flowd import names
from flowd.api.mock_schemas import check_result
from flowd.api.services import Services
from flowd.api.sizes import check_size
from flowd.api.wire.answers import Body, present
from flowd.api.wire.caller import Caller
from flowd.asl import mocking, teststate
from flowd.asl.diagnostics import MISSING_END, Diagnostic, errors
from flowd.asl.faults import TIMEOUT
from flowd.asl.model import DefinitionError, Task
from flowd.asl.positions import read_json
from flowd.asl.teststate import Mock, Setting, Subject, Trial, Verdict
from flowd.asl.validate import invalid_definition_message, validate
from flowd.decisions import ScheduleTask, StartTimer
from flowd.engine.checking import LARGE
from flowd.entropy import Entropy
from flowd.errors import InvalidArn, InvalidDefinition, ValidationException
from flowd.frames import Execution
from flowd.history import Event, News
from flowd.integrations.ports import Failed, Inspected, Outcome, Succeeded, TaskCall
from flowd.payload import Payload

#: A test may take five minutes (API reference, TestState).
LIMIT_S: Final = 300.0
_FAILURES: Final = {"start": News.TASK_START_FAILED, "submit": News.TASK_SUBMIT_FAILED, "run": News.TASK_FAILED}


async def test_state(do: Services, request: Any, caller: Caller) -> Body:
    if request.roleArn is not None and names.split_arn(request.roleArn) is None:
        raise InvalidArn(f"Invalid Role Arn: '{request.roleArn}'")
    heavy = len(request.definition) > LARGE
    objects = do.config.map_objects
    subject = await asyncio.to_thread(_subject, request, objects) if heavy else _subject(request, objects)
    setting = await _setting(do, subject, request)
    trial = Trial(subject, setting, _execution(do, request, setting.input), Entropy(os.urandom(32)))
    verdict = await _run(do, subject, trial, _Look(request.inspectionLevel == "TRACE", bool(request.revealSecrets)))
    return _answer(verdict, shown=request.inspectionLevel in ("DEBUG", "TRACE"))


# -- what is asked ----------------------------------------------------------------


def _subject(request: Any, map_objects: bool) -> Subject:
    """The state to test. Raises InvalidDefinition, ValidationException."""
    name, text = request.stateName, request.definition
    alone = name is None
    if alone:
        name = teststate.ALONE
        state, problems = read_json(text)
        if isinstance(state, dict) and not problems:
            text = teststate.as_machine(text)
    found = errors(validate(text))
    if alone:  # it need not end the machine that was made around it
        found = [each for each in found if each.code != MISSING_END or each.location is not None]
    if found:
        raise InvalidDefinition(invalid_definition_message(found))
    try:
        subject = teststate.find(text, name, map_objects)
    except DefinitionError as error:
        refusal = Diagnostic("ERROR", "SCHEMA_VALIDATION_FAILED", error.reason, error.location or "/")
        raise InvalidDefinition(invalid_definition_message([refusal])) from None
    if subject is None:
        raise ValidationException("State not found in definition")
    return subject


async def _setting(do: Services, subject: Subject, request: Any) -> Setting:
    """The circumstances of the test, checked."""
    mock = await _mock(subject, request)
    if mock is None:
        mocking.require_runnable(subject, request.roleArn)
        _refuse_foreign(do, subject)
    configuration = request.stateConfiguration
    if configuration is not None and mock is None:
        raise ValidationException("stateConfiguration can only be specified together with a mock")
    if request.context is not None and mock is None:
        raise ValidationException("context can only be specified together with a mock")
    most = do.config.limits.payload_bytes
    for member in ("input", "variables", "context"):
        check_size(getattr(request, member) or "", member, most)
    mocking.check_origin(subject, configuration.errorCausedByState if configuration else None)
    context = mocking.read_context(subject, request.context) if request.context is not None else None
    return Setting(
        input=mocking.read_input(request.input),
        variables=mocking.read_object(request.variables, "variables") if request.variables is not None else None,
        context=context,
        mock=mock,
        retries=mocking.retries(configuration.retrierRetryCount if configuration else None, context),
        failed_iterations=configuration.mapIterationFailureCount if configuration else None,
        reader_data=mocking.check_reader_data(subject, configuration.mapItemReaderData if configuration else None),
    )


async def _mock(subject: Subject, request: Any) -> Mock | None:
    given = request.mock
    if given is None:
        return None
    failure = given.errorOutput
    if request.revealSecrets and isinstance(subject.state, mocking.MOCKED):
        raise ValidationException("TestState does not support RevealSecrets when a mock is specified.")
    error, cause = (failure.error, failure.cause) if failure is not None else (None, None)
    mock = mocking.read_mock(subject, given.result, error, cause, failure is not None)
    state, mode = subject.state, given.fieldValidationMode or "STRICT"
    if mock.result is not None and isinstance(state, Task) and mode != "NONE":
        value = mock.result.value
        await asyncio.to_thread(check_result, state.resource, value, strict=mode == "STRICT")
    return mock


def _refuse_foreign(do: Services, subject: Subject) -> None:
    """Raise if the Task's integration is not here; only the state under test must run here."""
    state = subject.state
    if isinstance(state, Task):
        resource = state.resource
        reason = do.machines.refuse(resource.service, resource.action, resource.pattern)
        if reason is not None:
            raise InvalidDefinition(f"This Task cannot run here without a mock: {reason}")


def _execution(do: Services, request: Any, given: Payload) -> Execution:
    """What the Context object says of the test: an express execution of a machine that nobody has (recorded)."""
    region, account = do.machines.region, do.machines.account
    machine, name = str(uuid.uuid4()), str(uuid.uuid4())
    return Execution(
        arn=f"arn:aws:states:{region}:{account}:express:{machine}:{name}",
        name=name,
        machine_arn=names.machine_arn(machine, region, account),
        machine_name=machine,
        role_arn=request.roleArn or names.role_arn(account),
        input=given,
        started_ms=do.clock.now_ms(),
        type="EXPRESS",
        region=region,
    )


# -- the run ------------------------------------------------------------------------


@dataclass
class _Look:
    """Whether what a Task sends over HTTP is to be shown, with its secrets or without; and what it was."""

    wanted: bool
    reveal: bool
    exchanged: Body = field(default_factory=dict)


async def _run(do: Services, subject: Subject, trial: Trial, look: _Look) -> Verdict:
    """Enter the state, do what it asks for, and see how it went. JSONata is worked out off the loop."""
    wanted = await _off(subject, trial.begin, do.clock.now_ms())
    if wanted is None:
        return trial.verdict()
    event = await (_call(do, trial, wanted, look) if isinstance(wanted, ScheduleTask) else _pause(do, wanted))
    if event is None:
        return trial.expired(TIMEOUT)
    await _off(subject, trial.deliver, event, do.clock.now_ms())
    verdict = trial.verdict()
    return verdict._replace(stages={**verdict.stages, **look.exchanged})


async def _off(subject: Subject, work: Any, *arguments: Any) -> Any:
    return await asyncio.to_thread(work, *arguments) if subject.machine.evaluates else work(*arguments)


async def _pause(do: Services, timer: StartTimer) -> Event | None:
    """A Wait, for as long as a test may take."""
    left_s = (timer.due_ms - do.clock.now_ms()) / 1000
    await asyncio.sleep(max(0.0, min(left_s, LIMIT_S)))
    return Event(News.TIMER_FIRED, timer.frame, timer.attempt) if left_s <= LIMIT_S else None


async def _call(do: Services, trial: Trial, task: ScheduleTask, look: _Look) -> Event | None:
    """The Task's outcome; None if the test took too long."""
    integration = do.core.registry.find(task.service)
    if integration is None:
        return _event(task, Failed("States.Runtime", f"no integration runs {task.resource}", "start"))
    key = f"test-{trial.execution.name}:{task.frame}:{task.attempt}"
    call = TaskCall.of(task, key, trial.execution, do.clock.now_ms())
    try:
        async with asyncio.timeout(_allowed_s(task)):
            outcome = await integration.call(call)
    except TimeoutError:
        await integration.cancel(call)
        own = 0 < task.timeout_ms <= LIMIT_S * 1000
        return Event(News.TASK_TIMED_OUT, task.frame, task.attempt) if own else None
    except asyncio.CancelledError:
        await integration.cancel(call)
        raise
    if look.wanted and isinstance(integration, Inspected):
        look.exchanged = integration.inspect(call, reveal=look.reveal)
    if isinstance(outcome, Succeeded) and outcome.sends:
        await do.core.embedded.post(*outcome.sends)
    await integration.acknowledge(call)
    return _event(task, outcome)


def _allowed_s(task: ScheduleTask) -> float:
    """How long the call may take: the Task's own TimeoutSeconds, or what a test may take."""
    return min(task.timeout_ms / 1000 or LIMIT_S, LIMIT_S)


def _event(task: ScheduleTask, outcome: Outcome) -> Event:
    if isinstance(outcome, Succeeded):
        return Event(News.TASK_SUCCEEDED, task.frame, task.attempt, {"output": outcome.output})
    details = present(error=outcome.error, cause=outcome.cause)
    return Event(_FAILURES[outcome.stage], task.frame, task.attempt, details)


# -- the answer ---------------------------------------------------------------------


def _answer(verdict: Verdict, *, shown: bool) -> Body:
    data: Body = {}
    if shown:
        data = {name: value.text if isinstance(value, Payload) else value for name, value in verdict.stages.items()}
        data |= present(errorDetails=verdict.details or None)
    return present(
        status=verdict.status,
        output=None if verdict.output is None else verdict.output.text,
        error=verdict.error,
        cause=verdict.cause,
        nextState=verdict.next,
        inspectionData=data if shown else None,
    )


OPERATIONS = {"TestState": test_state}
