"""Tables of what clients set about functions: asynchronous invocations, what calls them. No queries here."""

from sqlmodel import Field, SQLModel


class InvokeSettings(SQLModel, table=True):
    """EventInvokeConfig of a function and qualifier; `body` is AsyncSettings as JSON."""

    __tablename__ = "invoke_settings"
    function: str = Field(primary_key=True)
    qualifier: str = Field(primary_key=True)
    body: str
    changed_ms: int = 0


class EventSourceMapping(SQLModel, table=True):
    """A queue or stream that a client told to call a function; `body` is the engine's Mapping as JSON."""

    __tablename__ = "event_source_mapping"
    uuid: str = Field(primary_key=True)
    body: str
