"""The tables of Amazon SWF: domains, types, and what an SWF execution has beside its row in `execution`.

Histories, tasks, deadlines, frames and payloads are in the tables that all executions share.
"""

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel


class SwfDomain(SQLModel, table=True):
    """A name space of types and executions, with its retention."""

    __tablename__ = "swf_domain"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    description: str | None = None
    status: str = "REGISTERED"
    retention_days: int = 0  # 0: a history is deleted as soon as its execution closes
    tags: str = "{}"
    created_ms: int = 0


class SwfType(SQLModel, table=True):
    """A registered version of a workflow or activity; its defaults as JSON by their wire names."""

    __tablename__ = "swf_type"
    id: int | None = Field(default=None, primary_key=True)
    domain_id: int
    kind: str  # workflow | activity
    name: str
    version: str
    status: str = "REGISTERED"
    description: str | None = None
    defaults: str = "{}"
    created_ms: int = 0
    deprecated_ms: int = 0

    __table_args__ = (Index("swf_type_key", "domain_id", "kind", "name", "version", unique=True),)


class SwfExecution(SQLModel, table=True):
    """By what an SWF execution is found. `close_status` is empty while it is open."""

    __tablename__ = "swf_execution"
    execution_id: int = Field(primary_key=True)
    domain_id: int
    workflow_id: str
    run_id: str
    type_name: str
    type_version: str
    close_status: str = ""
    cancel_requested: bool = False
    started_ms: int = 0
    closed_ms: int = 0
    parent_id: int = 0  # the row of the execution that started it
    parent_event: int = 0
    tags: str = "[]"
    child_policy: str = ""

    __table_args__ = (
        Index("swf_execution_workflow", "domain_id", "workflow_id", "run_id", unique=True),
        Index("swf_execution_open", "domain_id", "workflow_id", unique=True, sqlite_where=text("close_status = ''")),
        Index("swf_execution_started", "domain_id", "started_ms", sqlite_where=text("close_status = ''")),
        Index("swf_execution_closed", "domain_id", "closed_ms", sqlite_where=text("close_status != ''")),
        Index("swf_execution_child", "parent_id", "parent_event", sqlite_where=text("parent_id != 0")),
    )
