"""Between two rows: which lines run in which track, so that no two lie upon each other. Pure.

Lines of one source, or to one target, are a net and share their horizontal piece. A net whose source is in the column
of another net's target runs above it; where that is a circle, one of them gives way and the crossing shows.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from console.graph.layers import Link, Node


@dataclass(slots=True, eq=False)
class Net:
    """Links that share a horizontal line in `track`; a net without bends has track -1."""

    links: list[Link]
    track: int = -1

    @property
    def span(self) -> tuple[int, int]:
        columns = self.sources | self.targets
        return min(columns), max(columns)

    @property
    def sources(self) -> set[int]:
        return {link.upper.centre for link in self.links}

    @property
    def targets(self) -> set[int]:
        return {link.lower.centre for link in self.links}


def route(row: list[Node]) -> tuple[list[Net], int]:
    """The nets below a row, with their tracks, and how many tracks there are."""
    grouped: dict[tuple[str, int], list[Link]] = defaultdict(list)
    for node in row:
        for link in node.downs:
            key = ("from", id(node)) if len(node.downs) > 1 else ("to", id(link.lower))
            grouped[key].append(link)
    nets = [Net(links) for links in grouped.values()]
    bent = [net for net in nets if net.span[0] != net.span[1]]
    tracks: list[list[tuple[int, int]]] = []
    above = {net: [o for o in bent if o is not net and o.sources & net.targets] for net in bent}
    left = sorted(bent, key=lambda net: net.span)
    while left:
        net = min(left, key=lambda net: sum(other.track < 0 for other in above[net]))
        left.remove(net)
        first = max((other.track + 1 for other in above[net]), default=0)
        low, high = net.span
        net.track = next(
            (t for t in range(first, len(tracks)) if all(high < start or end < low for start, end in tracks[t])),
            max(first, len(tracks)),
        )
        while len(tracks) <= net.track:
            tracks.append([])
        tracks[net.track].append((low, high))
    return nets, len(tracks)
