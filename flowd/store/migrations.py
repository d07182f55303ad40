"""How a database of an earlier release becomes one of this release: numbered steps, each run once, in one transaction.

A new database is made from the schema and starts at the latest number. A step is a list of SQL statements.
"""

from __future__ import annotations

import re
from functools import cache

from sqlalchemy import Table, inspect
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement
from sqlmodel import Session, SQLModel, text

from flowd.errors import FlowdError
from flowd.store import (
    schema,
    schema_code,
    schema_dynamodb,
    schema_ecs,
    schema_embedded,
    schema_events,
    schema_lambda,
    schema_messaging,
    schema_operators,
    schema_projects,
    schema_swf,
)

STEPS: dict[int, list[str]] = {
    2: [
        "ALTER TABLE execution ADD COLUMN map_run_id INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE execution ADD COLUMN map_item INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE execution ADD COLUMN item_count INTEGER NOT NULL DEFAULT 0",
    ],
    3: [
        "ALTER TABLE task ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",
        "DROP INDEX IF EXISTS task_activity",
    ],
    4: [
        "ALTER TABLE event_rule ADD COLUMN schedule VARCHAR NOT NULL DEFAULT ''",
        "ALTER TABLE event_rule ADD COLUMN due_ms INTEGER",
        "CREATE INDEX ix_event_rule_due_ms ON event_rule (due_ms)",
    ],
    5: ["ALTER TABLE prompt_hold ADD COLUMN later_ms INTEGER NOT NULL DEFAULT 0"],
    6: [
        "ALTER TABLE map_run ADD COLUMN redrive_count INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE map_run ADD COLUMN redriven_ms INTEGER NOT NULL DEFAULT 0",
    ],
    7: ["ALTER TABLE activity ADD COLUMN encryption VARCHAR NOT NULL DEFAULT '{}'"],
}
#: Tables of services: to import their modules is to have them made.
FAMILIES = (
    schema_code,
    schema_dynamodb,
    schema_ecs,
    schema_embedded,
    schema_events,
    schema_lambda,
    schema_messaging,
    schema_operators,
    schema_projects,
    schema_swf,
)
LATEST = max(STEPS, default=1)
_ALTERED = re.compile(r"(?:ALTER TABLE|CREATE INDEX \w+ ON) (\w+)")
#: Small indexes over the rows that background duties look for.
PARTIAL_INDEXES = (
    "CREATE INDEX IF NOT EXISTS frame_going ON frame (execution_id) WHERE phase = 'ready'",
    "CREATE INDEX IF NOT EXISTS task_offered ON task (activity, priority DESC, id)"
    " WHERE activity IS NOT NULL AND prompt IS NULL AND status IN ('SCHEDULED', 'RETURNED')",
    "CREATE INDEX IF NOT EXISTS task_open ON task (activity) WHERE activity IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS execution_hot ON execution (id) WHERE status != 'RUNNING' AND archived = 0",
    "DROP INDEX IF EXISTS execution_old",  # of the first databases; the next one says more
    # SQLite reads no row if the index has all columns, also that of its own condition.
    "CREATE INDEX IF NOT EXISTS execution_ended ON execution (stopped_ms, machine_id, status, started_ms, archived)"
    " WHERE archived = 1",
    "CREATE INDEX IF NOT EXISTS execution_own ON execution (id) WHERE map_run_id = 0",
    "CREATE INDEX IF NOT EXISTS execution_name ON execution (name) WHERE map_run_id = 0",
    "CREATE INDEX IF NOT EXISTS execution_item ON execution (map_run_id, map_item) WHERE map_run_id != 0",
    "CREATE INDEX IF NOT EXISTS execution_child ON execution (map_run_id, status, item_count) WHERE map_run_id != 0",
    "CREATE INDEX IF NOT EXISTS dynamodb_expiring ON dynamodb_item (expires_s) WHERE expires_s IS NOT NULL",
)


class DatabaseTooNew(FlowdError):
    """The database was written by a later release of flowd; install that release, or restore a backup."""

    def __init__(self, found: int) -> None:
        super().__init__(f"it was written by a later release of flowd (schema {found}, this one knows {LATEST}); "
                         "install that release, or put an older copy back with `flowd restore FILE`")  # fmt: skip


class DatabaseForeign(FlowdError):
    """It is a database of another program; choose another data folder with --data (FLOWD_DATA)."""


def migrate(session: Session, new_id: str) -> str:
    """Bring the database up to date; returns its id, which is `new_id` if it is new."""
    tables = set(inspect(session.connection()).get_table_names())
    if tables and "meta" not in tables:
        raise DatabaseForeign
    create_tables(session)
    version = session.get(schema.Meta, "schema")
    if version is None:
        _add_indexes(session)
        session.add(schema.Meta(key="schema", value=str(LATEST)))
        session.add(schema.Meta(key="database_id", value=new_id))
        return new_id
    if int(version.value) > LATEST:
        raise DatabaseTooNew(int(version.value))
    for number in range(int(version.value) + 1, LATEST + 1):
        for statement in STEPS.get(number, []):
            altered = _ALTERED.match(statement)
            if altered is None or altered[1] in tables:  # else it was made from the schema just now, with all columns
                session.execute(text(statement))
    session.execute(text("UPDATE meta SET value = value"))  # a file that cannot be written is found out now
    _add_indexes(session)  # behind the steps: they may be over columns that are new
    version.value = str(LATEST)
    session.add(version)
    known = session.get(schema.Meta, "database_id")
    return known.value if known else new_id


def create_tables(session: Session) -> None:
    """Make every table that is not there.

    `MetaData.create_all` asks SQLite twice for each table whether it is there: a third of a new daemon's start.
    """
    connection = session.connection()
    known = set(inspect(connection).get_table_names())
    for table in SQLModel.metadata.tables.values():
        if table.name not in known:
            for statement in _made_by(table):
                connection.exec_driver_sql(statement)


@cache
def _made_by(table: Table) -> tuple[str, ...]:
    """The statements that make a table and its indexes."""
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    made: list[ExecutableDDLElement] = [CreateTable(table), *map(CreateIndex, indexes)]
    return tuple(str(each.compile(dialect=dialect())) for each in made)


def _add_indexes(session: Session) -> None:
    for statement in PARTIAL_INDEXES:
        session.execute(text(statement))
