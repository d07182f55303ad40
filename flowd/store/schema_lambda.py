"""The table of what clients set about asynchronous invocations of functions. This module holds no queries."""

from sqlmodel import Field, SQLModel


class InvokeSettings(SQLModel, table=True):
    """EventInvokeConfig of a function and qualifier; `body` is AsyncSettings as JSON."""

    __tablename__ = "invoke_settings"
    function: str = Field(primary_key=True)
    qualifier: str = Field(primary_key=True)
    body: str
    changed_ms: int = 0
