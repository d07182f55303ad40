"""Which state stands in which row, in which order, and which edges are lines and which are chips. Pure.

A layered layout: cycles are cut where a depth-first walk from the start meets itself, rows are longest paths, long
edges bend at every row they pass, and the order within rows is that of their neighbours' middles, tried a few times.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from console.graph.reading import Edge, Part, State

SWEEPS = 12
#: Catches become chips when more than so many enter one handler, or when there are so many states.
CATCHES, CROWD = 2, 16
#: In a machine of more than so many states, a choice that jumps over more rows than this is a chip.
MANY, FAR = 20, 4


@dataclass(frozen=True, slots=True)
class Chip:
    """An edge that is told beside its state instead of being drawn. `kind`: loop, catch, far, lost."""

    kind: str
    target: str
    label: str = ""


@dataclass(slots=True, eq=False)
class Node:
    """A state, or with `state` None the bend of a long edge. `x` is its middle while places are sought."""

    state: State | None = None
    width: int = 1
    height: int = 1
    layer: int = 0
    x: float = 0.0
    left: int = 0
    top: int = 0
    chips: list[Chip] = field(default_factory=list)
    ups: list[Link] = field(default_factory=list)
    downs: list[Link] = field(default_factory=list)
    inside: Any = None  # what `layout` has put into a container

    @property
    def bend(self) -> bool:
        return self.state is None

    @property
    def centre(self) -> int:
        return self.left + self.width // 2


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """The piece of an edge between two neighbouring rows."""

    upper: Node
    lower: Node
    edge: Edge


def sort_edges(part: Part, nodes: dict[str, Node]) -> tuple[list[Edge], list[Edge], list[str]]:
    """Edges to draw, edges that only order the rows, and the states in the order of the walk. The rest are chips."""
    order, back = _walk(part, nodes)
    entering: dict[str, set[str]] = defaultdict(set)
    for edge in part.edges:
        if edge.kind == "catch":
            entering[edge.target].add(edge.source)
    drawn: dict[tuple[str, str], Edge] = {}
    soft: list[Edge] = []
    for number, edge in enumerate(part.edges):
        if edge.source not in nodes or edge.target not in nodes:
            continue
        if number in back:
            _add_chip(nodes[edge.source], Chip("loop", edge.target, edge.label))
        elif edge.kind == "catch" and (len(entering[edge.target]) > CATCHES or len(nodes) > CROWD):
            _add_chip(nodes[edge.source], Chip("catch", edge.target, edge.label))
            soft.append(edge)
        else:
            _merge(drawn, edge)
    for edge in part.loose:
        if edge.source in nodes:
            _add_chip(nodes[edge.source], Chip("lost", edge.target, edge.label))
    return list(drawn.values()), soft, order


def _add_chip(node: Node, chip: Chip) -> None:
    if not any((chip.kind, chip.target) == (known.kind, known.target) for known in node.chips):
        node.chips.append(chip)


def _merge(drawn: dict[tuple[str, str], Edge], edge: Edge) -> None:
    """Several ways between the same two states are one line."""
    known = drawn.get((edge.source, edge.target))
    if known is None:
        drawn[edge.source, edge.target] = edge
        return
    kind = known.kind if known.kind != "catch" else edge.kind
    label = " | ".join(text for text in (known.label, edge.label) if text)
    drawn[edge.source, edge.target] = Edge(edge.source, edge.target, kind, label)


def _walk(part: Part, nodes: dict[str, Node]) -> tuple[list[str], set[int]]:
    """States in depth-first order from the start, then those never reached; and the numbers of edges that lead back."""
    ways: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, edge in enumerate(part.edges):
        if edge.source in nodes and edge.target in nodes:
            ways[edge.source].append((number, edge.target))
    open_, order, back = {}, [], set()
    for root in [part.start, *nodes]:
        if root not in nodes or root in open_:
            continue
        order.append(root)
        open_[root] = True
        stack = [(root, iter(ways[root]))]
        while stack:
            name, rest = stack[-1]
            number, target = next(rest, (-1, ""))
            if number < 0:
                open_[name] = False
                stack.pop()
            elif open_.get(target):
                back.add(number)
            elif target not in open_:
                open_[target] = True
                order.append(target)
                stack.append((target, iter(ways[target])))
    return order, back


def arrange(part: Part, nodes: dict[str, Node]) -> tuple[list[list[Node]], list[Link]]:
    """The rows of nodes and bends, ordered, and the links between them. Catches that would cross are chips."""
    rows, links = _arranged(part, nodes, len(nodes))
    for longest in (1, 0):
        if not crossings(rows) or not any(link.edge.kind == "catch" for link in links):
            break
        for name, node in nodes.items():
            nodes[name] = Node(node.state)
        rows, links = _arranged(part, nodes, longest)
    return rows, links


def _arranged(part: Part, nodes: dict[str, Node], longest: int) -> tuple[list[list[Node]], list[Link]]:
    """`longest` is how many rows down a catch may lead and still be drawn."""
    drawn, soft, order = sort_edges(part, nodes)
    _set_layers(nodes, drawn + soft, order)
    for edge in [edge for edge in drawn if edge.kind == "catch"]:
        if nodes[edge.target].layer - nodes[edge.source].layer > longest:
            _add_chip(nodes[edge.source], Chip("catch", edge.target, edge.label))
            drawn.remove(edge)
    drawn = _portals(nodes, drawn)
    rows: list[list[Node]] = [[] for _ in range(max(node.layer for node in nodes.values()) + 1)]
    for name in order:
        rows[nodes[name].layer].append(nodes[name])
    links = [link for edge in drawn for link in _chain(nodes, rows, edge)]
    for link in links:
        link.upper.downs.append(link)
        link.lower.ups.append(link)
    return _order(rows), links


def _set_layers(nodes: dict[str, Node], edges: list[Edge], order: list[str]) -> None:
    waits = dict.fromkeys(nodes, 0)
    ways: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        waits[edge.target] += 1
        ways[edge.source].append(edge.target)
    ready = [name for name in order if not waits[name]]
    for name in ready:  # grows while it is walked
        for target in ways[name]:
            nodes[target].layer = max(nodes[target].layer, nodes[name].layer + 1)
            waits[target] -= 1
            if not waits[target]:
                ready.append(target)


def _portals(nodes: dict[str, Node], edges: list[Edge]) -> list[Edge]:
    """Without the edges that would cross half the picture; those are chips. The shortest way to a state stays."""
    if len(nodes) <= MANY:
        return edges
    kept, entered = [], set()
    for edge in sorted(edges, key=lambda edge: nodes[edge.target].layer - nodes[edge.source].layer):
        far = nodes[edge.target].layer - nodes[edge.source].layer > FAR
        if far and (edge.kind == "choice" or edge.target in entered):
            _add_chip(nodes[edge.source], Chip("far", edge.target, edge.label))
        else:
            kept.append(edge)
            entered.add(edge.target)
    return kept


def _chain(nodes: dict[str, Node], rows: list[list[Node]], edge: Edge) -> list[Link]:
    links, above = [], nodes[edge.source]
    for layer in range(nodes[edge.source].layer + 1, nodes[edge.target].layer):
        bend = Node(layer=layer)
        rows[layer].append(bend)
        links.append(Link(above, bend, edge))
        above = bend
    return [*links, Link(above, nodes[edge.target], edge)]


def _order(rows: list[list[Node]]) -> list[list[Node]]:
    best, fewest = [list(row) for row in rows], crossings(rows)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for layer in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            place = {node: float(i) for i, node in enumerate(rows[layer - 1 if down else layer + 1])}
            rows[layer] = _by_middle(rows[layer], place, down)
        count = crossings(rows)
        if count < fewest:
            best, fewest = [list(row) for row in rows], count
    return best


def _by_middle(row: list[Node], place: dict[Node, float], down: bool) -> list[Node]:
    def middle(numbered: tuple[int, Node]) -> float:
        links = numbered[1].ups if down else numbered[1].downs
        near = [place[link.upper if down else link.lower] for link in links]
        return sum(near) / len(near) if near else float(numbered[0])

    return [node for _, node in sorted(enumerate(row), key=middle)]


def crossings(rows: list[list[Node]]) -> int:
    """How many pairs of links cross."""
    total = 0
    for upper, lower in pairwise(rows):
        place = {node: i for i, node in enumerate(lower)}
        seen: list[int] = []
        for node in upper:
            targets = sorted(place[link.lower] for link in node.downs)
            total += sum(len(seen) - bisect_left(seen, target + 1) for target in targets)
            for target in targets:
                insort(seen, target)
    return total
