"""The table of what templates have made. This module holds no queries."""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel


class ProjectResource(SQLModel, table=True):
    """One resource of a template, and what became of it; it stays when its line is gone, since its data do."""

    __tablename__ = "project_resource"
    id: int | None = Field(default=None, primary_key=True)
    source: str  # the template, relative to the drop folder
    resource: str  # its logical id, with `/EVENT` behind it for what an event of it needs
    type: str
    name: str
    status: str  # loaded | made | failed | retired | ignored | refused | unsupported | absent
    note: str = ""
    line: int = 0
    undo: str = "[]"  # JSON: the calls that end it when its line is gone
    answers: str = "{}"  # JSON: what its calls answered and those need
    updated_ms: int = 0

    __table_args__ = (Index("project_resource_name", "source", "resource", unique=True),)
