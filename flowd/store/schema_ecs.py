"""The tables of ECS: registered task definitions and the tasks that were run. No queries here."""

from sqlmodel import Field, Index, SQLModel


class EcsTaskDefinition(SQLModel, table=True):
    """One revision of a family; never changed but in its status."""

    __tablename__ = "ecs_task_definition"
    id: int | None = Field(default=None, primary_key=True)
    family: str
    revision: int
    members: str  # JSON, as registered
    status: str = "ACTIVE"  # ACTIVE | INACTIVE
    folder: str = "/"
    source: str = ""  # the file or template it came from; "" = the API
    created_ms: int = 0

    __table_args__ = (Index("ecs_family", "family", "revision", unique=True),)


class EcsTask(SQLModel, table=True):
    """One task. `key` names the attempt (or the client's token) that asked for it: it is asked for once."""

    __tablename__ = "ecs_task"
    id: int | None = Field(default=None, primary_key=True)
    task_id: str = Field(unique=True)
    key: str = Field(unique=True)
    cluster: str
    family: str
    status: str  # lastStatus
    description: str  # JSON
    containers: str  # JSON: what the runner is asked to run
    stop_reason: str | None = None  # set once somebody wants it to end
    log: str = ""
    log_truncated: bool = False
    created_ms: int
    stopped_ms: int | None = None

    __table_args__ = (Index("ecs_stopped", "stopped_ms"),)
