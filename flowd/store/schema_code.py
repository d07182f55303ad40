"""The table of code-first workflow files: every version that new or open executions need."""

from sqlmodel import Field, SQLModel


class CodeVersion(SQLModel, table=True):
    """One content of a workflow file and its modules; `current` is what new executions take."""

    __tablename__ = "code_version"
    version: str = Field(primary_key=True)
    path: str  # below the drop folder
    names: str = "[]"  # of its workflows
    current: bool = True
    created_ms: int = 0
