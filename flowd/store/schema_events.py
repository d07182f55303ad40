"""Tables of EventBridge. This module holds no queries."""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel


class EventBus(SQLModel, table=True):
    """An event bus beside the default one."""

    __tablename__ = "event_bus"
    name: str = Field(primary_key=True)
    description: str = ""
    tags: str = "{}"
    created_ms: int = 0
    changed_ms: int = 0


class EventRule(SQLModel, table=True):
    """A rule of a bus."""

    __tablename__ = "event_rule"
    id: int | None = Field(default=None, primary_key=True)
    bus: str
    name: str
    pattern: str = ""
    schedule: str = ""
    due_ms: int | None = Field(default=None, index=True)  # when its schedule comes next
    enabled: bool = True
    description: str = ""
    role: str = ""
    owner: str = "api"  # "api", or the file of a template
    tags: str = "{}"

    __table_args__ = (Index("event_rule_name", "bus", "name", unique=True),)


class EventTarget(SQLModel, table=True):
    """Who is told by a rule; `body` is the API's Target."""

    __tablename__ = "event_target"
    id: int | None = Field(default=None, primary_key=True)
    rule_id: int
    name: str
    arn: str = Field(index=True)
    body: str

    __table_args__ = (Index("event_target_name", "rule_id", "name", unique=True),)


class EventResource(SQLModel, table=True):
    """A connection or an API destination."""

    __tablename__ = "event_resource"
    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    body: str
    created_ms: int = 0
    changed_ms: int = 0


class EventArchived(SQLModel, table=True):
    """An event that an archive keeps."""

    __tablename__ = "event_archived"
    id: int | None = Field(default=None, primary_key=True)
    archive: str
    at_ms: int
    body: str
    size: int

    __table_args__ = (Index("event_archived_of", "archive", "id"), {"sqlite_autoincrement": True})
