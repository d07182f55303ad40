"""How data goes through a state, per query language: what the work gets, what the state gives, what it remembers.

JSONPath: InputPath, Parameters | ResultSelector, ResultPath, OutputPath. JSONata: Arguments | Output. Both: Assign.
What a state does not touch goes through as the same payload, text and all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from flowd.asl.context import Env
from flowd.asl.faults import EvaluationFault, Fault, conflict, runtime
from flowd.asl.model import Catcher, Flow, Placement, Quantity, Rule
from flowd.asl.paths import PathClash
from flowd.asl.templates import JSONATA, JSONPATH, Expression, Language, Selector, Template, payload_of
from flowd.payload import Payload, dumps


class Outcome(NamedTuple):
    """What a state leaves behind: its output, and the variables it assigns."""

    output: Payload
    assigned: dict[str, Any] | None = None


def work_input(language: Language, flow: Flow, env: Env) -> Payload:
    """What the work of the state gets: its effective input. Raises Fault."""
    return _WORK_INPUT[language](flow, env)


def outcome(language: Language, flow: Flow, env: Env, result: Payload) -> Outcome:
    """What the state gives for the `result` of its work; of a state that does none, its effective input."""
    return _OUTCOME[language](flow, env, env.note("result", result))


def matched(language: Language, flow: Flow, rule: Rule, env: Env, result: Payload) -> Outcome:
    """What a Choice gives when `rule` matched: the rule's own Assign and Output count, not the state's."""
    own = Flow(output_path=flow.output_path, output=rule.output or flow.output, assign=rule.assign)
    return _OUTCOME[language](own, env, result)


def caught(language: Language, catcher: Catcher, env: Env, error_output: dict[str, Any]) -> Outcome:
    """What the state gives when `catcher` takes its failure. Raises Fault."""
    return _CAUGHT[language](catcher, env, error_output)


def selected_input(flow: Flow, env: Env) -> Payload:
    """What InputPath leaves of the raw input: what the paths of a state's other fields begin at."""
    selected = env.frame.input if flow.input_path is None else payload_of(flow.input_path, env, env.frame.input.value)
    return env.note("afterInputPath", selected)


def whole_number(quantity: Quantity, env: Env, value: Any) -> int:
    """The value of a number field. Raises Fault if it is none; the texts are the recorded ones of MaxConcurrency."""
    source = quantity.source
    found = source.evaluate(env, value)
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    if isinstance(found, float) and found.is_integer():
        return int(found)
    if isinstance(source, Expression):
        raise source.unexpected("integer" if isinstance(found, float) else "number", found)
    shown = found if isinstance(found, str) else dumps(found)
    where = f": {source.text}" if isinstance(source, Selector) else ""
    raise runtime(f'The {quantity.field} field refers to value "{shown}" which is not a valid integer{where}')


def out_of_range(quantity: Quantity, detail: str) -> Fault:
    """A number that its field cannot be: of an expression a Catch may see it, as of every field of JSONata."""
    source = quantity.source
    return EvaluationFault(detail, source.location) if isinstance(source, Expression) else runtime(detail)


# -- JSONPath -----------------------------------------------------------------


def _effective_input(flow: Flow, env: Env) -> Payload:
    selected = selected_input(flow, env)
    work = selected if flow.parameters is None else payload_of(flow.parameters, env, selected.value)
    return env.note("afterParameters", work)


def _outcome_by_paths(flow: Flow, env: Env, result: Payload) -> Outcome:
    if flow.result_selector is not None:
        result = payload_of(flow.result_selector, env, result.value)
    env.note("afterResultSelector", result)
    assigned = None if flow.assign is None else flow.assign.evaluate(env, result.value)
    output = env.note("afterResultPath", _placed(flow.result_path, env, result))
    if flow.output_path is not None:
        output = payload_of(flow.output_path, env, output.value)
    return Outcome(output, assigned)


def _placed(placement: Placement | None, env: Env, result: Payload) -> Payload:
    """The result put where ResultPath says, which counts from the raw input."""
    if placement is None or placement.replaces:
        return result
    if placement.path is None:
        return env.frame.input
    try:
        return Payload.of(placement.path.place(env.frame.input.value, result.value))
    except PathClash as clash:
        raise conflict(str(clash), env.frame.input.text) from None


def _caught_by_paths(catcher: Catcher, env: Env, error_output: dict[str, Any]) -> Outcome:
    assigned = None if catcher.assign is None else catcher.assign.evaluate(env, error_output)
    return Outcome(_placed(catcher.result_path, env, Payload.of(error_output)), assigned)


# -- JSONata ------------------------------------------------------------------


def _arguments(flow: Flow, env: Env) -> Payload:
    arguments = env.frame.input if flow.arguments is None else payload_of(flow.arguments, env, None)
    return env.note("afterArguments", arguments)


def _outcome_by_expressions(flow: Flow, env: Env, result: Payload) -> Outcome:
    assigned = _assigned(flow.assign, env)
    return Outcome(result if flow.output is None else payload_of(flow.output, env, None), assigned)


def _caught_by_expressions(catcher: Catcher, env: Env, error_output: dict[str, Any]) -> Outcome:
    env.error_output = error_output
    assigned = _assigned(catcher.assign, env)
    default = Payload.of(error_output)
    return Outcome(default if catcher.output is None else payload_of(catcher.output, env, None), assigned)


def _assigned(assign: Template | None, env: Env) -> dict[str, Any] | None:
    return None if assign is None else assign.evaluate(env, None)


_WORK_INPUT: Final[dict[Language, Callable[[Flow, Env], Payload]]] = {JSONPATH: _effective_input, JSONATA: _arguments}
_OUTCOME: Final[dict[Language, Callable[[Flow, Env, Payload], Outcome]]] = {
    JSONPATH: _outcome_by_paths,
    JSONATA: _outcome_by_expressions,
}
_CAUGHT: Final[dict[Language, Callable[[Catcher, Env, dict[str, Any]], Outcome]]] = {
    JSONPATH: _caught_by_paths,
    JSONATA: _caught_by_expressions,
}
