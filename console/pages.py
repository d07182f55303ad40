"""Rows for a table of any length: a plain list, or pages read by key, of which only a few are kept. Knows no widget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from console.client import Item

PAGE = 200
KEEP = 24  # pages in memory

#: before, limit, and how many rows to leave out after that.
Fetch = Callable[[int | None, int, int], Awaitable[Item]]


class Source(Protocol):
    """Rows by index. `row` gives None for one that is not here yet."""

    @property
    def total(self) -> int: ...

    def row(self, index: int) -> Item | None: ...


class ListSource:
    """Rows that are all here."""

    def __init__(self, items: Sequence[Item] = ()) -> None:
        self.items = list(items)

    @property
    def total(self) -> int:
        return len(self.items)

    def row(self, index: int) -> Item | None:
        return self.items[index] if 0 <= index < len(self.items) else None


class KeysetSource:
    """Executions, newest first, read in pages of `PAGE` with `before` = the last id of the page above.

    A page that is far from any known one is reached by leaving out the rows between, which the daemon does in one
    query. The list is frozen at its first row; what begins later is counted by the screen and never pushes rows down.
    """

    def __init__(self, fetch: Fetch, expected: int = 0) -> None:
        self._fetch = fetch
        self._expected = expected
        self._pages: OrderedDict[int, list[Item]] = OrderedDict()
        self._before: dict[int, int | None] = {0: None}
        self._end: int | None = None
        self._going: dict[int, int] = {}  # pages of which a part is here -> where the rest of it begins
        self.searched = 1.0  # the share of all executions that was looked at for them
        self.incomplete = False
        self._doubt: dict[int, dict[str, str]] = {}  # pages out of view with rows that changed: id -> status
        self.top = 0

    @property
    def total(self) -> int:
        if self._end is not None:
            return self._end
        return max(self._expected, max(self._before) * PAGE + 1, *(self._so_far(page) for page in self._going))

    def _so_far(self, page: int) -> int:
        """The rows to the end of a page that is still looked for, and one that stands for those to come."""
        return page * PAGE + len(self._pages.get(page, ())) + 1

    @property
    def going(self) -> bool:
        """True while rows are looked for that no index tells."""
        return bool(self._going)

    def expect(self, total: int) -> None:
        """There are about so many."""
        self._expected = total

    @property
    def ended(self) -> bool:
        """True once the last row was seen: then `total` is exact."""
        return self._end is not None

    def row(self, index: int) -> Item | None:
        page = self._pages.get(index // PAGE)
        return page[index % PAGE] if page is not None and index % PAGE < len(page) else None

    def lacks(self, first: int, last: int) -> int | None:
        """The first page between two rows that has to be read, if any."""
        pages = self.pages(first, min(last, self.total - 1))
        known = self._pages
        return next((p for p in pages if p not in known or p in self._doubt or p in self._going), None)

    def pages(self, first: int, last: int) -> range:
        """The pages that hold the rows from one to another."""
        return range(first // PAGE, last // PAGE + 1) if last >= first else range(0)

    async def step(self, page: int) -> None:
        """Read the page; one that is held and in doubt is brought up to date."""
        if page in self._doubt and page in self._pages:
            await self._renew(page, self._doubt.pop(page))
            return
        self._doubt.pop(page, None)
        rows = list(self._pages.get(page, ())) if page in self._going else []
        if page in self._going:
            answer = await self._fetch(self._going.pop(page), PAGE - len(rows), 0)
        else:
            known = max(place for place in self._before if place <= page)
            answer = await self._fetch(self._before[known], PAGE, (page - known) * PAGE)
        self._take(page, rows + list(answer["executions"]), answer)

    def _take(self, page: int, rows: list[Item], answer: Item) -> None:
        following, self.searched = answer.get("next"), answer.get("searched", 1.0)
        self.incomplete = bool(answer.get("incomplete"))
        if page == 0 and rows:
            self.top = rows[0]["id"]
            self._before[0] = self.top + 1
        if following and "searched" in answer and len(rows) < PAGE:
            self._pages[page], self._going[page] = rows, following
            return
        if page and not rows:  # fewer than was thought
            self._expected = min(self._expected, page * PAGE)
            for place in [place for place in self._before if place >= page]:
                del self._before[place]
            return
        self._pages[page] = rows
        self._pages.move_to_end(page)
        while len(self._pages) > KEEP:
            self._going.pop(self._pages.popitem(last=False)[0], None)
        if not following:
            self._end = page * PAGE + len(rows)
        else:
            self._before.setdefault(page + 1, following)
        if rows:
            self._before.setdefault(page, rows[0]["id"] + 1)

    async def again(self, first: int, last: int, changed: dict[str, str]) -> None:
        """Bring the rows of the pages in view up to date in their places; pages out of view wait until they are seen.

        `changed` has the ids of the rows that may be different, each with its status or "" if nobody knows. A row that
        the filter no longer holds stays where it is, marked `gone`, with that status.
        """
        seen = range(first // PAGE, max(first, last) // PAGE + 1)
        for page in [page for page in self._pages if page not in seen]:
            ours = {key: changed[key] for row in self._pages[page] if (key := str(row["id"])) in changed}
            if ours:
                self._doubt[page] = self._doubt.get(page, {}) | ours
        for page in seen:
            if self._pages.get(page):
                await self._renew(page, changed)

    async def _renew(self, page: int, changed: dict[str, str]) -> None:
        answer = await self._fetch(self._before[page], PAGE, 0)
        fresh = {row["id"]: row for row in answer["executions"]}
        self._pages[page] = [_renewed(row, fresh, changed) for row in self._pages[page]]

    def held(self) -> Iterable[Item]:
        """All rows in memory."""
        return (row for rows in self._pages.values() for row in rows)


def _renewed(row: Item, fresh: dict[int, Item], changed: dict[str, str]) -> Item:
    if row["id"] in fresh:
        return fresh[row["id"]]
    status = changed.get(str(row["id"]))
    if status is None:
        return row
    known = row["status"] if row.get("gone") else ""  # from the news that took it out of the filter
    return {**row, "status": status or known, "gone": True}
