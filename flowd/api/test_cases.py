"""`machine-arn#TestCase` in StartExecution, as Step Functions Local has it: which mocks answer an execution's tasks."""

from __future__ import annotations

from flowd.api import arns
from flowd.api.services import Services
from flowd.engine.live import TEST_TRIGGER
from flowd.errors import ValidationException


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
