"""A database of a million executions, made by SQL in a minute, to measure lists, search and console on.

    python tests/bench/million.py FOLDER [EXECUTIONS]

The folder becomes a data folder for `flowd serve --data FOLDER`.
"""

from __future__ import annotations

import json
import random
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

from sqlmodel import Session

from flowd.store.database import _engine, raw
from flowd.store.migrations import migrate

MACHINES = ("order-fulfilment", "nightly-report", "video-encode", "disk-runbook", "refunds")
ERRORS = ("CardDeclined", "States.Timeout", "Lambda.ServiceException", "States.TaskFailed")
SHARES = ("SUCCEEDED",) * 90 + ("FAILED",) * 6 + ("TIMED_OUT",) + ("ABORTED",) + ("RUNNING",) * 2
ACCOUNT = "arn:aws:states:us-east-1:000000000000"
DEFINITION = json.dumps({"StartAt": "Charge", "States": {"Charge": {"Type": "Wait", "Seconds": 60, "End": True}}})
AT_ONCE = 20_000


def build(folder: Path, amount: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    engine = _engine(folder / "flowd.db", writable=True)
    chance = random.Random(1)
    now = round(time.time() * 1000)
    with Session(engine) as session:
        migrate(session, str(uuid.uuid4()))
        connection = raw(session)
        connection.execute("INSERT INTO definition (id, sha256, text) VALUES (1, 'one', ?)", (DEFINITION,))
        for number, name in enumerate(MACHINES, 1):
            connection.execute(
                "INSERT INTO state_machine (id, name, arn, type, status, definition_id, role_arn, logging, tracing,"
                " encryption, tags, description, published, latest_version, owner, created_ms, updated_ms)"
                " VALUES (?,?,?,'STANDARD','ACTIVE',1,'','{}','{}','{}','{}','',0,1,'api',?,?)",
                (number, name, f"{ACCOUNT}:stateMachine:{name}", now, now),
            )
        counts: Counter[tuple[int, str]] = Counter()
        for start in range(1, amount + 1, AT_ONCE):
            rows, texts = [], []
            for i in range(start, min(start + AT_ONCE, amount + 1)):
                machine = i % len(MACHINES)
                status = chance.choice(SHARES)
                counts[machine + 1, status] += 1
                rows.append(_row(i, machine, status, now - (amount - i) * 400, chance))
                texts.append((2 * i, i, json.dumps({"order": f"ORD-{i:07}", "customer": i * 7919 % 100_003})))
                texts.append((2 * i + 1, i, json.dumps({"parcel": f"P-{i * 31 % 9999}"})))
            marks = ",".join("?" * 19)
            connection.executemany(
                "INSERT INTO execution (id, arn, name, machine_id, machine_name, machine_arn, definition_id, role_arn,"
                ' type, status, version, "trigger", input_id, output_id, error, state, waiting, started_ms, stopped_ms,'
                " redrive_count, redriven_ms, next_event, archived, map_run_id, map_item, item_count)"
                f" VALUES ({marks},0,0,5,1,0,0,0)",
                rows,
            )
            connection.executemany("INSERT INTO payload (id, execution_id, text) VALUES (?,?,?)", texts)
        connection.executemany(
            "INSERT INTO counter (machine_id, status, count) VALUES (?,?,?)", [(*key, n) for key, n in counts.items()]
        )
        session.commit()
    engine.dispose()


def _row(i: int, machine: int, status: str, started: int, chance: random.Random) -> tuple[object, ...]:
    name = f"{i * 2654435761 % 2**32:08x}-{i:07}"
    failed = status in ("FAILED", "TIMED_OUT")
    stopped = 0 if status == "RUNNING" else started + chance.randrange(1, 400_000)
    arn = f"{ACCOUNT}:execution:{MACHINES[machine]}:{name}"
    machine_arn = f"{ACCOUNT}:stateMachine:{MACHINES[machine]}"
    error = ERRORS[i % len(ERRORS)] if failed else None
    waiting = ("task", "timer", "prompt")[i % 3] if status == "RUNNING" else ""
    return (
        *(i, arn, name, machine + 1, MACHINES[machine], machine_arn, 1, "", "STANDARD", status, 1, "api"),
        *(2 * i, 2 * i + 1, error, "Charge", waiting, started, stopped),
    )


if __name__ == "__main__":
    began = time.monotonic()
    build(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
    print(f"built in {time.monotonic() - began:.1f} s")
