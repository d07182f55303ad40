"""Tables of what operators do: batches, saved views, and who holds which prompt. Facts of ours, never in a history."""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel


class Batch(SQLModel, table=True):
    """One verb done to many executions. The counts are those of its items, kept with them."""

    id: int | None = Field(default=None, primary_key=True)
    verb: str
    filter: str | None = None  # None: the executions were named one by one
    reason: str
    members: str = "{}"  # further arguments of the verb, as JSON
    who: str
    status: str = "COLLECTING"  # COLLECTING | RUNNING | DONE | CANCELLED
    total: int = 0
    done: int = 0
    failed: int = 0
    created_ms: int = 0
    ended_ms: int = 0
    cancelled_by: str | None = None

    __table_args__ = ({"sqlite_autoincrement": True},)


class BatchItem(SQLModel, table=True):
    """One execution of a batch: PENDING, DONE, or FAILED with the reason."""

    __tablename__ = "batch_item"
    id: int | None = Field(default=None, primary_key=True)
    batch_id: int
    execution_id: int
    state: str = "PENDING"
    error: str | None = None

    __table_args__ = (Index("batch_item_state", "batch_id", "state", "id"),)


class SavedView(SQLModel, table=True):
    """A filter that a user has given a name; the one named `default` is what the list begins with."""

    __tablename__ = "saved_view"
    id: int | None = Field(default=None, primary_key=True)
    who: str
    name: str
    filter: str
    saved_ms: int = 0

    __table_args__ = (Index("saved_view_name", "who", "name", unique=True),)


class PromptHold(SQLModel, table=True):
    """What people have arranged about an open prompt: who works on it until when, and for whom it is meant now."""

    __tablename__ = "prompt_hold"
    id: int | None = Field(default=None, primary_key=True)
    short: str = Field(unique=True)
    execution_id: int = Field(index=True)
    claimed_by: str | None = None
    claimed_until_ms: int = 0
    assigned_to: str | None = None
    assigned_by: str | None = None
    later_ms: int = 0  # nobody wants to see it before; it stays open, and is reminded of all the same
    reminded: int = 0  # how often it was brought up again
    remind_ms: int = 0  # when it is brought up next; 0 for never


class PromptComment(SQLModel, table=True):
    """A remark about a prompt, before or after its answer."""

    __tablename__ = "prompt_comment"
    id: int | None = Field(default=None, primary_key=True)
    short: str = Field(index=True)
    execution_id: int = Field(index=True)
    who: str
    at_ms: int
    text: str


class PromptDraft(SQLModel, table=True):
    """What somebody has typed into a prompt's form and not sent, as the console's JSON."""

    __tablename__ = "prompt_draft"
    id: int | None = Field(default=None, primary_key=True)
    short: str
    execution_id: int = Field(index=True)
    who: str
    body: str
    at_ms: int

    __table_args__ = (Index("prompt_draft_of", "short", "who", unique=True),)
