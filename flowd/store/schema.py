"""The tables: what is on disk, as SQLModel classes. One class, one table; AWS's words as column names.

Kept apart on purpose: small hot rows (execution, frame, task, deadline) from write-once payloads and history chunks.
This module holds no queries. A change here needs a numbered migration in `migrations`.
"""

from sqlalchemy import Column, Index, LargeBinary, text
from sqlmodel import Field, SQLModel


class Meta(SQLModel, table=True):
    """Facts about the database itself: its id, the schema's version, counters."""

    key: str = Field(primary_key=True)
    value: str


class Definition(SQLModel, table=True):
    """A States Language text, stored once per content; executions pin one for their whole life."""

    id: int | None = Field(default=None, primary_key=True)
    sha256: str = Field(unique=True)
    text: str


class StateMachine(SQLModel, table=True):
    """A state machine. A file's machine belongs to its file (`owner`), an API's to the API."""

    __tablename__ = "state_machine"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    arn: str = Field(unique=True)
    type: str = "STANDARD"
    status: str = "ACTIVE"  # ACTIVE | DELETING | RETIRED (its file is gone; executions go on, starts are refused)
    definition_id: int
    role_arn: str = ""
    logging: str = "{}"
    tracing: str = "{}"
    encryption: str = "{}"
    tags: str = "{}"
    description: str = ""  # versionDescription given at creation: part of CreateStateMachine's idempotency
    published: bool = False  # publish given at creation
    revision_id: str | None = None
    latest_version: int = 0  # numbers only grow, also after a deletion
    owner: str = "api"  # api | file | template
    source: str | None = None
    created_ms: int = 0
    updated_ms: int = 0

    __table_args__ = ({"sqlite_autoincrement": True},)  # executions outlive their machine and must not find another


class StateMachineVersion(SQLModel, table=True):
    """A published, immutable revision."""

    __tablename__ = "state_machine_version"
    id: int | None = Field(default=None, primary_key=True)
    machine_id: int = Field(index=True)
    number: int
    definition_id: int
    revision_id: str | None = None
    role_arn: str = ""
    description: str = ""
    created_ms: int = 0


class StateMachineAlias(SQLModel, table=True):
    """A name for one or two versions of a machine, between which starts are divided by weight."""

    __tablename__ = "state_machine_alias"
    id: int | None = Field(default=None, primary_key=True)
    machine_id: int
    name: str
    description: str = ""
    routing: str  # JSON: [[version, weight], ...]
    created_ms: int = 0
    updated_ms: int = 0

    __table_args__ = (Index("state_machine_alias_name", "machine_id", "name", unique=True),)


class Activity(SQLModel, table=True):
    """A queue that workers poll, or that people answer."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    arn: str
    tags: str = "{}"
    implicit: bool = False  # made because a loaded definition names it
    encryption: str = "{}"
    created_ms: int = 0


class Execution(SQLModel, table=True):
    """One run. Input and output are payload rows; `next_event` is the id of the next history event."""

    id: int | None = Field(default=None, primary_key=True)
    arn: str = Field(unique=True)
    name: str
    machine_id: int
    machine_name: str
    machine_arn: str
    definition_id: int
    role_arn: str = ""
    type: str = "STANDARD"
    status: str = "RUNNING"
    version: int | None = None
    alias: str | None = None
    trigger: str = "api"
    trace_header: str | None = None
    input_id: int = 0
    output_id: int = 0
    error: str | None = None
    cause: str | None = None
    state: str = ""  # where it stands or failed, for people
    waiting: str = ""  # prompt | task | timer | retry | ""; redrive: a child that its Map Run will redrive
    started_ms: int = 0
    stopped_ms: int = 0
    redrive_count: int = 0
    redriven_ms: int = 0
    next_event: int = 1
    archived: bool = False
    #: The Map Run whose child it is; a child has no machine_id. Negative: another child has taken its items over.
    map_run_id: int = 0
    map_item: int = 0  # the number of the first item it got
    item_count: int = 0

    __table_args__ = (
        Index("execution_status", "status", "id"),
        Index("execution_machine", "machine_id", "status", "id"),
        {"sqlite_autoincrement": True},
    )


class MapRun(SQLModel, table=True):
    """The children that one Distributed Map started, as one thing. Their counts are those of their rows."""

    __tablename__ = "map_run"
    id: int | None = Field(default=None, primary_key=True)
    arn: str = Field(unique=True)
    execution_id: int = Field(index=True)
    frame: str
    attempt: int
    machine_arn: str  # of the children: `...:stateMachine:NAME/LABEL`
    child_type: str = "STANDARD"
    status: str = "RUNNING"
    definition_id: int = 0  # of the children; 0 until the first is about to start
    items: int = -1  # how many there are; -1 until they have been read
    plan: str = "{}"
    concurrency: int = 0
    tolerated_count: int | None = None
    tolerated_percentage: float | None = None
    started_ms: int = 0
    stopped_ms: int = 0
    redrive_count: int = 0
    redriven_ms: int = 0

    __table_args__ = (
        Index("map_run_open", "status", sqlite_where=text("status = 'RUNNING'")),
        {"sqlite_autoincrement": True},
    )


class PayloadRow(SQLModel, table=True):
    """One JSON text, written once."""

    __tablename__ = "payload"
    id: int | None = Field(default=None, primary_key=True)
    execution_id: int = Field(index=True)
    text: str


class HistoryChunk(SQLModel, table=True):
    """The events one step of one execution appended, packed with msgpack; its id is the commit cursor."""

    __tablename__ = "history_chunk"
    id: int | None = Field(default=None, primary_key=True)
    execution_id: int
    first: int
    last: int
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))

    __table_args__ = (Index("history_chunk_execution", "execution_id", "first"), {"sqlite_autoincrement": True})


class FrameRow(SQLModel, table=True):
    """One line of control of a running (or redrivable) execution."""

    __tablename__ = "frame"
    id: int | None = Field(default=None, primary_key=True)
    execution_id: int
    frame: str
    phase: str
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))

    __table_args__ = (Index("frame_execution", "execution_id", "frame", unique=True),)


class Task(SQLModel, table=True):
    """Work scheduled and not yet answered; an open prompt is one of these."""

    id: int | None = Field(default=None, primary_key=True)
    execution_id: int
    frame: str
    attempt: int
    state: str
    family: str
    resource: str
    service: str
    action: str
    pattern: str
    token: str | None = None  # NULL where nobody outside could answer
    status: str = "SCHEDULED"  # SCHEDULED | STARTED | SUBMITTED | RETURNED (its worker vanished as it took it)
    activity: str | None = None  # the activity's name, or that of an SWF task list
    prompt: str | None = None  # the Prompt object as JSON text; such a task never reaches a poller
    short: str | None = None  # how people name a prompt
    worker: str | None = None
    parameters_id: int = 0
    submitted_id: int = 0
    timeout_ms: int = 0
    heartbeat_ms: int = 0
    scheduled_ms: int = 0
    started_ms: int = 0
    priority: int = 0  # SWF's taskPriority: high first

    __table_args__ = (
        Index("task_execution", "execution_id", "frame"),
        # Most tasks have no token, activity or short name; partial indexes cost them no page.
        Index("task_token", "token", unique=True, sqlite_where=text("token IS NOT NULL")),
        Index("task_short", "short", sqlite_where=text("short IS NOT NULL")),
        {"sqlite_autoincrement": True},
    )


class Deadline(SQLModel, table=True):
    """A point in time at which flowd must act: wait, retry, timeout, heartbeat, execution."""

    id: int | None = Field(default=None, primary_key=True)
    execution_id: int
    frame: str
    attempt: int
    purpose: str
    due_ms: int = Field(index=True)

    __table_args__ = (Index("deadline_execution", "execution_id", "frame"),)


class Archive(SQLModel, table=True):
    """A closed execution's whole history and payloads in one compressed blob."""

    execution_id: int = Field(primary_key=True)
    events: int
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class TaskOutput(SQLModel, table=True):
    """What user code printed in one attempt."""

    __tablename__ = "task_output"
    id: int | None = Field(default=None, primary_key=True)
    execution_id: int = Field(index=True)
    frame: str
    attempt: int
    state: str
    text: str
    truncated: bool = False
    at_ms: int = 0


class PromptAnswer(SQLModel, table=True):
    """Who answered a prompt first, so that the same answer again is fine and another one is a conflict."""

    __tablename__ = "prompt_answer"
    id: int | None = Field(default=None, primary_key=True)
    short: str = Field(index=True)
    execution_id: int = Field(index=True)
    state: str
    queue: str
    prompt: str | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    comment: str | None = None
    answered_by: str
    asked_ms: int = 0
    answered_ms: int = 0


class Schedule(SQLModel, table=True):
    """When to start a machine; `next_ms` is its armed deadline."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    machine_name: str
    expression: str
    timezone: str = "UTC"
    service: str = "scheduler"
    input: str | None = None
    state: str = "ENABLED"  # as its template says
    paused_by: str | None = None  # who paused it here; survives a change of the template
    missed: str = "last"
    overlap: str = "allow"
    start_ms: int | None = None
    end_ms: int | None = None
    max_age_ms: int | None = None
    source: str = ""
    line: int = 0
    next_ms: int | None = Field(default=None, index=True)
    last_ms: int = 0  # fire times up to here are dealt with
    last_run_ms: int = 0
    last_arn: str | None = None
    last_note: str | None = None
    queued_ms: int | None = None  # the fire time of a run that waits for the one before


class SourceFile(SQLModel, table=True):
    """What became of each file of the drop folder, across restarts."""

    __tablename__ = "source_file"
    id: int | None = Field(default=None, primary_key=True)
    path: str = Field(unique=True)
    kind: str
    status: str
    name: str | None = None
    diagnostics: str = "[]"
    updated_ms: int = 0


class Audit(SQLModel, table=True):
    """Who did what to what, and when: facts of ours never go into a history."""

    id: int | None = Field(default=None, primary_key=True)
    at_ms: int
    who: str
    verb: str
    target: str
    detail: str | None = None


class Counter(SQLModel, table=True):
    """Executions by machine and status, kept by the commit so that nobody counts rows."""

    machine_id: int = Field(primary_key=True)
    status: str = Field(primary_key=True)
    count: int = 0


class ClientToken(SQLModel, table=True):
    """RedriveExecution's idempotency."""

    __tablename__ = "client_token"
    id: int | None = Field(default=None, primary_key=True)
    execution_id: int = Field(index=True)
    token: str
    redriven_ms: int


class Hook(SQLModel, table=True):
    """A notice that is due to a command or webhook: written with its cause, deleted when delivered."""

    id: int | None = Field(default=None, primary_key=True)
    kind: str  # prompt | failure | close
    body: str
    attempts: int = 0
    due_ms: int = 0
