"""Retry and Catch: which entry answers a failure, and how long to wait before the next attempt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from flowd.asl.faults import DATA_LIMIT, HEARTBEAT_TIMEOUT, RUNTIME, TIMEOUT, Failure
from flowd.asl.model import Catcher, Retrier
from flowd.entropy import Entropy

#: The longest back-off in seconds; growing delays without MaxDelaySeconds end here (2^31-1, the bound of a Wait).
LONGEST_DELAY_S: Final = 2_147_483_647


class Again(NamedTuple):
    """Another attempt."""

    delay_ms: int
    uses: tuple[int, ...]  # of each retrier, this one included


def matches(names: tuple[str, ...], failure: Failure) -> bool:
    """True if an ErrorEquals names the failure. Nothing names States.Runtime."""
    if failure.error == RUNTIME:
        return False
    if failure.error in names or any(name in names for name in failure.also):
        return True
    if "States.ALL" in names:
        return failure.error != DATA_LIMIT or failure.task_result
    return "States.TaskFailed" in names and failure.error not in (TIMEOUT, HEARTBEAT_TIMEOUT)


def next_attempt(
    retriers: tuple[Retrier, ...], uses: tuple[int, ...], failure: Failure, entropy: Entropy
) -> Again | None:
    """The next attempt, or None if no retrier answers. The first one that matches decides, used up or not."""
    index = index_of(retriers, failure)
    if index is None:
        return None
    counts = list(uses) or [0] * len(retriers)
    if counts[index] >= retriers[index].max_attempts:
        return None
    delay_ms = _delay_ms(retriers[index], counts[index], entropy)
    counts[index] += 1
    return Again(delay_ms, tuple(counts))


def index_of(handlers: Sequence[Retrier | Catcher], failure: Failure) -> int | None:
    """The index of the first handler that names the failure."""
    return next((index for index, each in enumerate(handlers) if matches(each.error_equals, failure)), None)


def _delay_ms(retrier: Retrier, used: int, entropy: Entropy) -> int:
    """IntervalSeconds * BackoffRate^used, at most MaxDelaySeconds; JitterStrategy FULL takes any part of it."""
    limit = LONGEST_DELAY_S if retrier.max_delay_s is None else retrier.max_delay_s
    if used * math.log(retrier.backoff_rate) > math.log(LONGEST_DELAY_S):
        delay_s: float = limit
    else:
        delay_s = min(limit, retrier.interval_s * retrier.backoff_rate**used)
    return round(delay_s * 1000 * (entropy.uniform() if retrier.full_jitter else 1))


def catcher_for(catchers: tuple[Catcher, ...], failure: Failure) -> Catcher | None:
    """The first catcher that names the failure."""
    index = index_of(catchers, failure)
    return None if index is None else catchers[index]


def error_output(failure: Failure) -> dict[str, str | None]:
    """What a catcher gets. Recorded: a timeout's cause is "", a failure reported without error and cause has nulls."""
    cause = "" if failure.cause is None and failure.error == TIMEOUT else failure.cause
    return {"Error": failure.error, "Cause": cause}
