"""`machine-arn#TestCase` in StartExecution, as Step Functions Local has it: which mocks answer an execution's tasks."""

from __future__ import annotations

from difflib import get_close_matches

from flowd.api import arns
from flowd.api.services import Services
from flowd.engine.live import TEST_TRIGGER
from flowd.errors import ValidationException
from flowd.store import schema


def chosen(do: Services, machine_arn: str, trigger: str) -> tuple[str, str]:
    """The machine's ARN without the test case, and what the execution is started by. Refuses a test case that does not
    exist, and any where none can be."""
    arn, mark, case = machine_arn.partition("#")
    if not mark:
        return machine_arn, trigger
    if do.mocks is None:
        raise ValidationException(
            f"'{machine_arn}' names a test case, but this daemon has no mocks. "
            'Start another one with `flowd serve --testing --mocks MockConfigFile.json`, or put a service on "mock" '
            "in flowd.toml."
        )
    if trigger != "api":
        raise ValidationException(f"'{machine_arn}': only a client's own start can choose a test case")
    machine = arns.machine(arn).name
    cases = do.mocks.cases(machine)
    if case not in cases:
        known = ", ".join(cases) or "none"
        raise ValidationException(f"{do.mocks.file} has no test case '{case}' for {machine}; there are: {known}")
    return arn, TEST_TRIGGER + case


async def check_states(
    do: Services, machine: schema.StateMachine, version: schema.StateMachineVersion | None, trigger: str
) -> None:
    """Refuse a test case that names what is no Task of the definition to be run: its answer would never be given, and
    the Task that was meant would call what is real. Raises ValidationException."""
    case = trigger.removeprefix(TEST_TRIGGER)
    if do.mocks is None or case == trigger:
        return
    definition = await do.core.definitions.get(version.definition_id if version else machine.definition_id)
    tasks = sorted({task.name for task in definition.tasks()})
    for state in do.mocks.states(machine.name, case):
        if state not in tasks:
            place = f"{do.mocks.file}: /StateMachines/{machine.name}/TestCases/{case}/{state}"
            near = get_close_matches(state, tasks, 1)
            known = f"did you mean {near[0]}?" if near else f"there are: {', '.join(tasks) or 'none'}"
            raise ValidationException(f"{place}: {machine.name} has no Task '{state}', so nothing mocks it; {known}")
