"""A state machine as the interpreter wants it: every path, template and expression compiled, every default filled in.

Values only, made by `parse` and never changed. The definition's text is kept by whoever parsed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from flowd.asl.context import Env
from flowd.asl.paths import ReferencePath
from flowd.asl.resources import Resource
from flowd.asl.templates import Language, Template
from flowd.errors import FlowdError
from flowd.payload import Payload

ScopePath = tuple[str | int, ...]
Test = Callable[[Env, object], bool]


class DefinitionError(FlowdError):
    """The definition cannot be run. `location` has AWS's form: `/States/X/Next`."""

    def __init__(self, message: str, location: str = "") -> None:
        super().__init__(f"{message} at {location}" if location else message)
        self.reason = message
        self.location = location


@dataclass(frozen=True, slots=True)
class Placement:
    """ResultPath: replace the input, put the result into it at `path`, or (neither) throw the result away."""

    path: ReferencePath | None = None
    replaces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How data goes through a state. The JSONata fields are empty in a JSONPath state and the reverse.

    None means the field's default, so that what passes through unchanged is never looked at.
    """

    input_path: Template | None = None
    parameters: Template | None = None  # Parameters, or ItemSelector's old name in a Map: not here
    result_selector: Template | None = None
    result_path: Placement | None = None
    output_path: Template | None = None
    arguments: Template | None = None
    output: Template | None = None
    assign: Template | None = None

    @property
    def discards(self) -> bool:
        """True if nobody will look at the result: ResultPath null and nothing that reads it before."""
        thrown_away = self.result_path is not None and self.result_path.path is None and not self.result_path.replaces
        return thrown_away and self.result_selector is None and self.assign is None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What all states have. `next` is None where the state ends its scope."""

    name: str
    type: str
    language: Language
    flow: Flow = field(default_factory=Flow)
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Quantity:
    """A whole number of a state: written down, found by a path, or worked out by an expression."""

    field: str  # as written: MaxConcurrency, TimeoutSecondsPath, ...
    source: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrier:
    error_equals: tuple[str, ...]
    interval_s: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_s: int | None = None
    full_jitter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Catcher:
    error_equals: tuple[str, ...]
    next: str
    result_path: Placement | None = None
    output: Template | None = None
    assign: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Working(State):
    """Task, Parallel and Map: the states whose failure may be retried and caught."""

    retriers: tuple[Retrier, ...] = ()
    catchers: tuple[Catcher, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Working):
    resource: Resource
    timeout: Quantity | None = None
    heartbeat: Quantity | None = None
    role: Template | None = None  # Credentials.RoleArn


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(State):
    result: Payload | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(State):
    """Exactly one of the two is set; a Selector is a SecondsPath or TimestampPath."""

    seconds: Template | None = None
    timestamp: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    test: Test
    next: str
    assign: Template | None = None
    output: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(State):
    """`next` is Default."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(State):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(State):
    error: Template | None = None
    cause: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A set of states: the machine's own, a branch or a Map's processor. `path` is its place in the definition."""

    path: ScopePath
    start_at: str
    states: Mapping[str, State]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(Working):
    branches: tuple[Scope, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(Working):
    processor: Scope
    items: Template | None = None  # ItemsPath, or Items; None: the input
    items_text: str = ""  # the text of ItemsPath, for messages
    item_selector: Template | None = None
    max_concurrency: Quantity | None = None
    objects: bool = False  # whether it iterates over the pairs of an object, too


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReader:
    action: str  # getObject | listObjectsV2
    arguments: Template
    config: Template  # ReaderConfig without MaxItems
    max_items: Quantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemBatcher:
    max_items: Quantity | None = None
    max_bytes: Quantity | None = None
    batch_input: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultWriter:
    """Without arguments it only shapes the state's result."""

    arguments: Template | None = None
    config: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributedMap(Map):
    """A Map whose iterations are executions of their own."""

    child_type: Literal["STANDARD", "EXPRESS"] = "STANDARD"
    label: str = ""  # "": one is made
    reader: ItemReader | None = None
    batcher: ItemBatcher | None = None
    writer: ResultWriter | None = None
    tolerated_count: Quantity | None = None
    tolerated_percentage: Quantity | None = None


@dataclass(frozen=True, kw_only=True)
class StateMachine:
    """A parsed definition. `scopes` finds a frame's scope by its path."""

    root: Scope
    language: Language
    timeout_seconds: int = 0  # of the whole execution; 0 = none
    searches: bool = False  # a JSONPath of it may look at many nodes
    scopes: Mapping[ScopePath, Scope]

    def state(self, path: ScopePath, name: str) -> State:
        """The state `name` of the scope at `path`."""
        return self.scopes[path].states[name]

    @property
    def evaluates(self) -> bool:
        """True if its steps may take long: a path of it searches, or a state is in JSONata."""
        return self.searches or any(
            state.language != self.language or state.language == "JSONata" for state in self.states()
        )

    @cached_property
    def activities(self) -> tuple[str, ...]:
        """ARNs of the activities it names."""
        return tuple(sorted({task.resource.arn for task in self.tasks() if task.resource.family == "activity"}))

    def states(self) -> Iterator[State]:
        """All states, those of branches and processors included."""
        for scope in self.scopes.values():
            yield from scope.states.values()

    def tasks(self) -> Iterator[Task]:
        """All Task states, those of branches and processors included."""
        for scope in self.scopes.values():
            for state in scope.states.values():
                if isinstance(state, Task):
                    yield state
