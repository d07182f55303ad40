"""Work over long texts and over patterns and templates: off the loop, in threads of the front's own.

Strangers decide how much of it there is. In the threads that everybody shares it would keep files and pages waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Characters from which a body is no matter for the loop, as with a step's payload.
LONG: Final = 32_768
_threads = ThreadPoolExecutor(4, "front")


async def aside(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """What the work gives, done in a thread."""
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(work, *given, **named))


async def if_long(size: int, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """The same; on the loop where `size` characters are few."""
    return await aside(work, *given, **named) if size > LONG else work(*given, **named)
