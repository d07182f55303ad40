"""Where in its row each node stands. Pure.

Nodes want to stand under the middle of what leads to them; a row is solved exactly by pooling neighbours that would
overlap (isotonic regression). Then what should be one straight line (a long edge, a chain of Next) moves as one block.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from math import inf

from console.graph.layers import Link, Node

_WEIGHT = {"next": 6.0, "choice": 1.5, "catch": 0.25}
GAP, BEND_GAP = 3, 2
ROUNDS, SETTLING = 24, 60
SNAP = 3  # a jog of so few cells is straightened if there is room


def place(rows: list[list[Node]], links: list[Link]) -> int:
    """Set `left` of every node; the width of the whole."""
    gaps = [[_gap(a, b) for a, b in pairwise(row)] for row in rows]
    for row, between in zip(rows, gaps, strict=True):
        at = 0.0
        for node, gap in zip(row, [*between, 0.0], strict=True):
            node.x = at
            at += gap
    for number in range(ROUNDS):
        down, both = number % 2 == 0, number >= ROUNDS * 2 // 3
        for row, between in zip(rows, gaps, strict=True) if down else zip(rows[::-1], gaps[::-1], strict=True):
            _settle(row, between, both or down, both or not down)
    _straighten(rows, links, gaps)
    return _to_cells(rows)


def _gap(left: Node, right: Node) -> float:
    return (left.width + right.width) / 2 + (BEND_GAP if left.bend and right.bend else GAP)


def _weight(link: Link) -> float:
    bends = link.upper.bend + link.lower.bend
    return _WEIGHT[link.edge.kind] * (1.0, 1.5, 3.0)[bends]


def _settle(row: list[Node], gaps: list[float], above: bool, below: bool) -> None:
    wants, weights = [], []
    for node in row:
        near = [(link.upper.x, _weight(link)) for link in node.ups] if above else []
        near += [(link.lower.x, _weight(link)) for link in node.downs] if below else []
        total = sum(weight for _, weight in near)
        wants.append(sum(x * weight for x, weight in near) / total if near else node.x)
        weights.append(max(total, 0.01))
    for node, x in zip(row, pooled(wants, weights, gaps), strict=True):
        node.x = x


def pooled(wants: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The places nearest to what is wanted (weighted least squares) that keep the gaps: pool adjacent violators."""
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[tuple[float, float, int]] = []  # weighted sum, weight, members
    for want, weight, offset in zip(wants, weights, offsets, strict=True):
        pools.append(((want - offset) * weight, weight, 1))
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            last, before = pools.pop(), pools.pop()
            pools.append((last[0] + before[0], last[1] + before[1], last[2] + before[2]))
    flat = [total / weight for total, weight, members in pools for _ in range(members)]
    return [x + offset for x, offset in zip(flat, offsets, strict=True)]


def _straighten(rows: list[list[Node]], links: list[Link], gaps: list[list[float]]) -> None:
    """Blocks of nodes in one column; if their order has a circle, only long edges are blocks, else nothing is."""
    for least in (1, 3):
        blocks = _blocks(rows, links, least)
        if _move(blocks, rows, links, gaps):
            return


def _priority(link: Link) -> int:
    """How much a link should be straight: bends of one edge, a Next, an only way; 0 is not at all."""
    if link.upper.bend and link.lower.bend:
        return 3
    if link.edge.kind == "next" and not link.upper.bend and not link.lower.bend:
        return 2
    return int(len(link.upper.downs) == 1 and len(link.lower.ups) == 1)


def _blocks(rows: list[list[Node]], links: list[Link], least: int) -> list[list[Node]]:
    """Nodes joined by straight links that do not cross one another."""
    place = {node: i for row in rows for i, node in enumerate(row)}
    block = {node: [node] for row in rows for node in row}
    by_layer: dict[int, list[Link]] = defaultdict(list)
    for link in links:
        if _priority(link) >= least:
            by_layer[link.upper.layer].append(link)
    for layer in sorted(by_layer):
        taken: list[tuple[int, int]] = []
        for link in sorted(by_layer[layer], key=lambda link: (-_priority(link), place[link.upper], place[link.lower])):
            here = place[link.upper], place[link.lower]
            if all((here[0] - up) * (here[1] - down) > 0 for up, down in taken):
                taken.append(here)
                joined = block[link.upper]
                joined += block[link.lower]
                for node in block[link.lower]:
                    block[node] = joined
    unique = {id(members): members for members in block.values()}
    return list(unique.values())


def _move(blocks: list[list[Node]], rows: list[list[Node]], links: list[Link], gaps: list[list[float]]) -> bool:
    """Move blocks towards their neighbours and keep the gaps; False if no order of them can."""
    of = {node: i for i, block in enumerate(blocks) for node in block}
    x = [sum(node.x for node in block) / len(block) for block in blocks]
    left: list[dict[int, float]] = [{} for _ in blocks]
    right: list[dict[int, float]] = [{} for _ in blocks]
    for row, between in zip(rows, gaps, strict=True):
        for a, b, gap in zip(row, row[1:], between, strict=False):
            i, j = of[a], of[b]
            if i == j:
                return False
            right[i][j] = left[j][i] = max(right[i].get(j, 0.0), gap)
    order = _sorted(left, right, x)
    if len(order) < len(blocks):
        return False
    for i in order:
        x[i] = max([x[i], *(x[j] + gap for j, gap in left[i].items())])
    near: list[list[tuple[int, float]]] = [[] for _ in blocks]
    for link in links:
        i, j = of[link.upper], of[link.lower]
        if i != j:
            near[i].append((j, _weight(link)))
            near[j].append((i, _weight(link)))
    for number in range(SETTLING):
        for i in order if number % 2 == 0 else reversed(order):
            if near[i]:
                want = sum(x[j] * weight for j, weight in near[i]) / sum(weight for _, weight in near[i])
                low = max((x[j] + gap for j, gap in left[i].items()), default=-inf)
                high = min((x[j] - gap for j, gap in right[i].items()), default=inf)
                x[i] = max(low, min(want, high)) if low <= high else low
    for i, block in enumerate(blocks):
        for node in block:
            node.x = x[i]
    return True


def _sorted(left: list[dict[int, float]], right: list[dict[int, float]], x: list[float]) -> list[int]:
    """The blocks from left to right; fewer than there are if some stand left of themselves."""
    waits = [len(before) for before in left]
    order = sorted((i for i, count in enumerate(waits) if not count), key=lambda i: (x[i], i))
    for i in order:  # grows while it is walked
        for j in right[i]:
            waits[j] -= 1
            if not waits[j]:
                order.append(j)
    return order


def _to_cells(rows: list[list[Node]]) -> int:
    for row in rows:
        end = None
        for node in row:
            node.left = round(node.x + 0.01) - node.width // 2
            if end is not None:
                node.left = max(node.left, end + 1)
            end = node.left + node.width
    for row in rows:
        for i, node in enumerate(row):
            if node.ups:
                above = max(node.ups, key=_weight).upper
                _snap(node, above, row[i - 1] if i else None, row[i + 1] if i + 1 < len(row) else None)
    low = min(node.left for row in rows for node in row)
    for row in rows:
        for node in row:
            node.left -= low
    return max(node.left + node.width for row in rows for node in row)


def _snap(node: Node, above: Node, before: Node | None, after: Node | None) -> None:
    by = above.centre - node.centre
    fits = before is None or node.left + by > before.left + before.width
    if by and abs(by) <= SNAP and fits and (after is None or node.left + by + node.width < after.left):
        node.left += by
