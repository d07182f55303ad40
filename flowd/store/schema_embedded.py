"""Tables beside the embedded services: outcomes of Tasks, what is on its way to a target, how far streams are read.

This module holds no queries.
"""

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, SQLModel


class ServiceOutcome(SQLModel, table=True):
    """What a Task's call of a service was answered: written with the call's effect, deleted once the Task has ended."""

    __tablename__ = "service_outcome"
    key: str = Field(primary_key=True)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class DeliveryRow(SQLModel, table=True):
    """Something that is to be brought to a target: written with its cause, deleted when it is taken or given up."""

    __tablename__ = "delivery"
    id: int | None = Field(default=None, primary_key=True)
    uuid: str
    target: str
    body: str
    source: str = ""
    options: str = "{}"
    dead_letter: str = ""
    tries: int
    age_s: int
    attempts: int = 0
    created_ms: int
    due_ms: int = Field(index=True)

    __table_args__ = ({"sqlite_autoincrement": True},)


class SourcePosition(SQLModel, table=True):
    """How far an event source mapping has read its stream; `sequence` "" = nothing of it yet."""

    __tablename__ = "source_position"
    name: str = Field(primary_key=True)
    stream: str
    sequence: str
