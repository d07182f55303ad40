"""A box of embedded services without a daemon: one database in memory, a clock that stands still until it is moved."""

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from sqlmodel import Session

from flowd.services.ports import Call, Service
from flowd.store.migrations import create_tables

REGION, ACCOUNT = "us-east-1", "000000000000"


class Box:
    """One service over its tables. Each call is a transaction of its own; `call` is what the last one left."""

    def __init__(self, service: Service[Any], tables: Any) -> None:
        self.service = service
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        self.session = Session(engine)
        create_tables(self.session)
        self.session.commit()
        self.tables = tables(self.session)
        self.now_ms = 1_700_000_000_000
        self.call: Call | None = None
        self._ids = 0

    def new_call(self) -> Call:
        return Call(self.now_ms, REGION, ACCOUNT, self._new_id, endpoint="http://127.0.0.1:8083")

    def _new_id(self) -> str:
        self._ids += 1
        return f"00000000-0000-4000-8000-{self._ids:012d}"

    def __call__(self, operation: str, /, **members: Any) -> dict[str, Any]:
        self.call = self.new_call()
        try:
            answer = self.service.operations[operation](self.tables, members, self.call)
        except BaseException:
            self.session.rollback()
            raise
        self.session.commit()
        return answer

    def tick(self) -> int | None:
        assert self.service.tick is not None
        self.call = self.new_call()
        due_ms = self.service.tick(self.tables, self.call)
        self.session.commit()
        return due_ms

    def pass_time(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)

    def close(self) -> None:
        self.session.close()
