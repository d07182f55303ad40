"""What the saga's activities do to the world: the books of a small shop, one SQLite file.

Every effect is keyed by the order, so doing it again changes nothing: that is what makes a retry safe.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRICES = {"lamp": 4900, "desk": 54900, "chair": 15900}
_TABLES = """
create table if not exists effect (order_id text, kind text, value text not null, primary key (order_id, kind));
create table if not exists gateway_call (order_id text primary key, calls integer not null);
"""


class CardDeclined(Exception):
    """The bank said no: asking again would not help."""


class GatewayUnavailable(Exception):
    """The gateway did not answer: asking again may help."""


class NoCarrier(Exception):
    """Nobody delivers there."""


class UnknownArticle(Exception):
    """The shop does not sell this."""


@contextmanager
def _books() -> Iterator[sqlite3.Connection]:
    given = os.environ.get("FLOWD_EXAMPLES_DIR")
    folder = Path(given) if given else Path(tempfile.gettempdir()) / f"flowd-examples-{os.getuid()}"
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / "saga.db", timeout=20, isolation_level=None)
    try:
        connection.executescript(_TABLES)
        connection.execute("begin immediate")
        yield connection
        connection.execute("commit")
    finally:
        connection.close()


def effects(order: str) -> dict[str, str]:
    """What has been done for an order and not undone."""
    with _books() as db:
        return dict(db.execute("select kind, value from effect where order_id = ? order by rowid", (order,)))


def do(order: str, kind: str, value: str) -> str:
    """Do it once."""
    with _books() as db:
        db.execute("insert or ignore into effect values (?, ?, ?)", (order, kind, value))
        (found,) = db.execute("select value from effect where order_id = ? and kind = ?", (order, kind)).fetchone()
    return str(found)


def undo(order: str, kind: str) -> None:
    """Undo it, if it was done."""
    with _books() as db:
        db.execute("delete from effect where order_id = ? and kind = ?", (order, kind))


def gateway(order: str, card: str) -> str:
    """A charge id. `tok_flaky` meets a gateway that is down for two calls, `tok_declined` a bank that says no."""
    with _books() as db:
        db.execute("insert into gateway_call values (?, 1) on conflict do update set calls = calls + 1", (order,))
        (calls,) = db.execute("select calls from gateway_call where order_id = ?", (order,)).fetchone()
    if card == "tok_declined":
        raise CardDeclined("the card was declined")
    if card == "tok_flaky" and calls <= 2:
        raise GatewayUnavailable(f"no answer to call {calls}")
    return "ch_" + hashlib.sha256(order.encode()).hexdigest()[:12]
