"""Pass, Wait, Choice, Succeed and Fail: the states that need nobody else."""

from __future__ import annotations

from typing import Any, Final

from flowd.asl import dataflow
from flowd.asl.context import Env
from flowd.asl.draft import Draft
from flowd.asl.faults import EvaluationFault, Failure, runtime
from flowd.asl.model import Choice, Fail, Pass, Succeed, Wait
from flowd.asl.paths import PathError
from flowd.asl.templates import Expression, Selector, Template
from flowd.asl.timestamps import parse_timestamp, to_ms
from flowd.asl.transitions import fail, leave
from flowd.decisions import StartTimer
from flowd.frames import Frame, Phase
from flowd.history import Event
from flowd.payload import dumps

#: The longest delay of a Wait in seconds (recorded: 24,855 days pass, 24,856 do not).
LONGEST_WAIT_S: Final = 2_147_483_647


def enter_pass(draft: Draft, frame: Frame, state: Pass) -> None:
    env = draft.env(frame, state)
    result = dataflow.work_input(state.language, state.flow, env)
    if state.result is not None:
        result = state.result
    leave(draft, frame, state, dataflow.outcome(state.language, state.flow, env, result), state.next)


def enter_succeed(draft: Draft, frame: Frame, state: Succeed) -> None:
    env = draft.env(frame, state)
    result = dataflow.work_input(state.language, state.flow, env)
    leave(draft, frame, state, dataflow.outcome(state.language, state.flow, env, result), None)


def enter_fail(draft: Draft, frame: Frame, state: Fail) -> None:
    """Fail with Error and Cause; what the state does not say is absent in the events as well."""
    env = draft.env(frame, state)
    dataflow.selected_input(state.flow, env)  # it has no InputPath; TestState shows the stage all the same
    error = _text(state.error, env, frame, "Error")
    cause = _text(state.cause, env, frame, "Cause")
    fail(draft, frame, state, Failure(error, cause))


def _text(template: Template | None, env: Env, frame: Frame, field: str) -> str | None:
    if template is None:
        return None
    found = template.evaluate(env, frame.input.value)
    if isinstance(found, str):
        return found
    if isinstance(template, Expression):
        raise template.unexpected("string", found)
    raise runtime(f"The {field}Path field must reference a string but was: {dumps(found)}")


def enter_choice(draft: Draft, frame: Frame, state: Choice) -> None:
    """Take the first rule that matches, else Default."""
    env = draft.env(frame, state)
    data = dataflow.work_input(state.language, state.flow, env)
    value = data.value
    for rule in state.rules:
        if rule.test(env, value):
            outcome = dataflow.matched(state.language, state.flow, rule, env, data)
            leave(draft, frame, state, outcome, rule.next)
            return
    if state.next is None:
        # The documentation says States.NoChoiceMatched; users have measured this (floci-io/floci, "verified against
        # us-east-1"; so has the public suite of another emulator).
        raise runtime("Failed to transition out of the state. The state does not point to a next state.")
    leave(draft, frame, state, dataflow.outcome(state.language, state.flow, env, data), state.next)


def enter_wait(draft: Draft, frame: Frame, state: Wait) -> None:
    """Wait until the state's point in time, counted from when it was entered; one that has passed is no wait."""
    due_ms = _due_ms(draft, frame, state)
    if due_ms <= draft.now_ms:
        on_wait_over(draft, frame, state, None)
        return
    if due_ms - draft.now_ms > LONGEST_WAIT_S * 1000:
        raise runtime("Wait state delay is too long.")
    waiting = draft.put(frame.with_(phase=Phase.WAITING, waiting_for="timer", attempt=frame.attempt + 1))
    draft.decisions.append(StartTimer(frame=frame.id, attempt=waiting.attempt, due_ms=due_ms, purpose="wait"))


def on_wait_over(draft: Draft, frame: Frame, state: Wait, event: Event | None) -> None:
    env = draft.env(frame, state)
    result = dataflow.work_input(state.language, state.flow, env)
    leave(draft, frame, state, dataflow.outcome(state.language, state.flow, env, result), state.next)


def _due_ms(draft: Draft, frame: Frame, state: Wait) -> int:
    before, draft.before = draft.before, None  # here EvaluationFailed points back to StateEntered (recorded)
    env = draft.env(frame, state)
    selected = dataflow.selected_input(state.flow, env).value
    if state.seconds is not None:
        due_ms = frame.entered_ms + _seconds(state.seconds, env, selected) * 1000
    else:
        assert state.timestamp is not None
        due_ms = _timestamp_ms(state.timestamp, env, selected)
    draft.before = before
    return due_ms


def _seconds(source: Template, env: Env, selected: Any) -> int:
    found = _found(source, "SecondsPath", env, selected)
    whole = int(found) if isinstance(found, float) and found.is_integer() else found
    if isinstance(whole, int) and not isinstance(whole, bool):
        if whole >= 0:
            return whole
        if isinstance(source, Selector):
            raise runtime(f"The SecondsPath parameter references a negative value: {source.text} == {whole}")
        raise EvaluationFault(f"The Seconds field references a negative value: {whole}", "Seconds")
    if isinstance(source, Selector):
        raise runtime(f"The SecondsPath parameter cannot be parsed as a long value: {source.text} == {_shown(found)}")
    if isinstance(source, Expression):
        raise source.unexpected("integer" if isinstance(found, float) else "number", found)
    raise runtime(f"The Seconds field cannot be parsed as a long value: {_shown(found)}")


def _timestamp_ms(source: Template, env: Env, selected: Any) -> int:
    found = _found(source, "TimestampPath", env, selected)
    moment = parse_timestamp(found) if isinstance(found, str) else None
    if moment is not None:
        return to_ms(moment)
    if isinstance(source, Selector):
        raise runtime(
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            f"{source.text} == {_shown(found)}"
        )
    detail = "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: "
    if isinstance(source, Expression):
        raise EvaluationFault(detail + _shown(found), source.location)
    raise runtime(detail + _shown(found))


def _found(source: Template, field: str, env: Env, selected: Any) -> Any:
    """The value of the field; a path that finds nothing has words of its own here (recorded)."""
    if not isinstance(source, Selector):
        return source.evaluate(env, selected)
    try:
        return source.find(env, selected)
    except PathError:
        raise runtime(f"The {field} parameter does not reference an input value: {source.text}") from None


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)
