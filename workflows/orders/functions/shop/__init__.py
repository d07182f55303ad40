"""The shop's books: one SQLite file that the order functions share.

Every effect is keyed by the order id, so a function that runs a second time for the same order finds what it did
before and returns the same answer. That is what makes a Retry safe.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CURRENCY = "EUR"

_TABLES = """
create table if not exists article (sku text primary key, price_cents integer not null, on_hand integer not null check (on_hand >= 0));
create table if not exists reservation (order_id text, sku text, quantity integer not null, primary key (order_id, sku));
create table if not exists payment (order_id text primary key, charge_id text not null, amount_cents integer not null, state text not null);
create table if not exists shipment (order_id text primary key, tracking text not null);
create table if not exists gateway_call (order_id text primary key, calls integer not null);
insert or ignore into article values ('lamp', 4900, 1000), ('desk', 54900, 1000), ('chair', 15900, 1000), ('piano', 899000, 0);
"""


def folder() -> Path:
    """Where the examples keep what they make: FLOWD_EXAMPLES_DIR, else a folder among the temporary files."""
    given = os.environ.get("FLOWD_EXAMPLES_DIR")
    made = Path(given) if given else Path(tempfile.gettempdir()) / f"flowd-examples-{os.getuid()}"
    made.mkdir(parents=True, exist_ok=True)
    return made


@contextmanager
def books() -> Iterator[sqlite3.Connection]:
    """A transaction on the shop's books: committed at the end, rolled back on any error."""
    connection = sqlite3.connect(folder() / "shop.db", timeout=20, isolation_level=None)
    try:
        connection.execute("begin immediate")
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)
        yield connection
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
    finally:
        connection.close()


def money(cents: int) -> str:
    """`1234.50 EUR`"""
    return f"{cents // 100}.{cents % 100:02d} {CURRENCY}"
