"""What a run took, and the lines that Lambda writes around a function's log."""

from __future__ import annotations

import re

import pytest

from flowd.functions import FunctionResult, Report, log_tail
from tests.runner.harness import Functions

WORK = "import time\n\ndef handler(event, context):\n    print('hello')\n    time.sleep(0.02)\n    return 1\n"


async def test_a_run_tells_what_it_took_and_only_the_first_one_of_a_process_its_start(functions: Functions) -> None:
    name = await functions.add("work.py", WORK)
    first, second = await functions.call(name), await functions.call(name)
    assert first.report.init_ms > 1 and second.report.init_ms == 0
    for each in (first, second):
        assert 20 <= each.report.duration_ms < 5_000
        assert each.report.memory_mb == 512
        assert 5 <= each.report.peak_mb < 512
    tail = log_tail(first).decode()
    number = r"\d+(?:\.\d\d)?"
    assert re.fullmatch(
        f"START RequestId: {first.request_id} Version: \\$LATEST\nhello\nEND RequestId: {first.request_id}\n"
        f"REPORT RequestId: {first.request_id}\tDuration: {number} ms\tBilled Duration: {number} ms\t"
        f"Memory Size: 512 MB\tMax Memory Used: {number} MB\tInit Duration: {number} ms\n",
        tail,
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, "Memory Size: 128 MB\n"),
        ("ValueError", "Memory Size: 128 MB\n"),
        ("Sandbox.Timedout", "Memory Size: 128 MB\tStatus: timeout\n"),
        ("Runtime.OutOfMemory", "Memory Size: 128 MB\tStatus: error\tError Type: Runtime.OutOfMemory\n"),
    ],
)
def test_a_run_that_lambda_ended_says_so_and_one_whose_process_is_gone_knows_no_peak(
    error: str | None, said: str
) -> None:
    report = Report(duration_ms=2_999.001, memory_mb=128)
    tail = log_tail(FunctionResult(error=error, request_id="r", log="no line end", report=report)).decode()
    assert tail == (
        "START RequestId: r Version: $LATEST\nno line end\nEND RequestId: r\n"
        f"REPORT RequestId: r\tDuration: 2999.00 ms\tBilled Duration: 3000 ms\t{said}"
    )


def test_no_more_than_the_last_four_kilobytes_are_told() -> None:
    tail = log_tail(FunctionResult(log="ü" * 5_000, request_id="r"))
    assert len(tail) == 4_096
    assert tail.endswith(b"Memory Size: 0 MB\n")
