"""Rows of one batch: what executions share must not get one row twice."""

from __future__ import annotations

from itertools import count

from flowd.payload import Payload
from flowd.store.steps import ExecutionWrite


def test_a_payload_of_the_definition_has_a_row_of_its_own_in_each_execution_of_a_batch() -> None:
    ids = count(1).__next__
    shared = Payload.of({"result": "written in the definition"})
    one, two = ExecutionWrite(1), ExecutionWrite(2)
    assert (one.keep_payload(shared, ids), two.keep_payload(shared, ids)) == (1, 2)
    assert [ref for ref, _ in one.payloads + two.payloads] == [1, 2]


def test_a_failed_batch_forgets_only_the_rows_that_it_gave() -> None:
    ids = count(1).__next__
    shared = Payload.of([1])
    failed, later = ExecutionWrite(1), ExecutionWrite(2)
    failed.keep_payload(shared, ids)
    later.keep_payload(shared, ids)
    failed.forget()
    assert (shared.ref, shared.owner) == (2, 2)
    later.forget()
    assert (shared.ref, shared.owner) == (0, 0)
