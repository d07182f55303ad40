"""SWF's faults: what its operations refuse with. A class's name without the namespace is the code on the wire."""

from __future__ import annotations

from flowd.errors import ApiError


class SwfFault(ApiError):
    """An error of SWF's own model. The others (ValidationException, ...) are those of every service."""

    namespace = "com.amazonaws.swf.base.model"


class UnknownResourceFault(SwfFault):
    """The named resource cannot be found."""


class TypeAlreadyExistsFault(SwfFault):
    """The type already exists in the domain, perhaps deprecated."""


class TypeDeprecatedFault(SwfFault):
    """The type is deprecated."""


class TypeNotDeprecatedFault(SwfFault):
    """The type is currently registered and cannot be deleted in its current state"""


class DomainAlreadyExistsFault(SwfFault):
    """The domain already exists, perhaps deprecated."""


class DomainDeprecatedFault(SwfFault):
    """The domain is deprecated."""


class WorkflowExecutionAlreadyStartedFault(SwfFault):
    """An execution of this workflowId is open."""


class DefaultUndefinedFault(SwfFault):
    """Neither the call nor the type says what this member is."""


class LimitExceededFault(SwfFault):
    """A limit of the service is reached."""


class TooManyTagsFault(SwfFault):
    """A domain has at most 50 tags."""


def unknown_domain(name: str) -> UnknownResourceFault:
    return UnknownResourceFault(f"Unknown domain: {name}")


def unknown_execution(workflow_id: str, run_id: str | None = None) -> UnknownResourceFault:
    """For what finds an execution by workflowId, and perhaps a runId."""
    tail = f", runId = {run_id}" if run_id else ""
    return UnknownResourceFault(f"Unknown execution, workflowId = {workflow_id}{tail}")


def unknown_run(workflow_id: str, run_id: str) -> UnknownResourceFault:
    """For what needs both ids."""
    return UnknownResourceFault(f"Unknown execution: WorkflowExecution=[workflowId={workflow_id}, runId={run_id}]")
