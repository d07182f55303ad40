"""Sizes and places of a whole graph: containers are laid out first and are nodes of what holds them. Pure.

Edges of the States Language never cross a container, so doing it level by level is exact. The branches of a Parallel
stand beside one another and are wrapped into shelves when they are wider than the view.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from rich.cells import cell_len

from console.graph.layers import Chip, Link, Node, arrange
from console.graph.placing import place
from console.graph.reading import Part, State
from console.graph.routing import Net, route
from console.journal import Path
from console.looks import CHIP, STATE_TYPE
from console.text import clean, clip

LONGEST = 26  # cells of a name
CHIP_NAME = 14
STATUS = 2  # cells beside a name for the glyph of its status
COUNTS = 24  # cells in the title of a Map for the counts of its items
FOLDED, LINES, BOXES = 0, 1, 2
#: From so many states on, an execution is shown first as what it has visited.
HUGE = 40


class View(NamedTuple):
    """How the graph is to be shown: `zoom` 0 folded, 1 a line for a state, 2 boxes; `only` the visited states."""

    zoom: int = BOXES
    width: int = 0  # 0: as wide as it likes
    folded: frozenset[Path] = frozenset()
    brief: bool = False  # of chips the signs only
    only: frozenset[Path] | None = None


@dataclass(slots=True)
class Inner:
    """A branch inside of a container, and where in it."""

    layout: Layout
    left: int = 0
    top: int = 0


@dataclass(slots=True)
class Layout:
    """One `States` object with a place for everything."""

    path: Path
    nodes: dict[str, Node] = field(default_factory=dict)
    rows: list[list[Node]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    channels: list[tuple[int, int, list[Net]]] = field(default_factory=list)  # top, height, nets
    width: int = 0
    height: int = 0


def lay_out(part: Part, view: View, path: Path = (), room: int | None = None) -> Layout:
    """The layout of a definition or of one branch of it; empty if nothing of it is to be shown."""
    room = view.width if room is None else room
    layout = Layout(path)
    for name, state in part.states.items():
        if view.only is None or (*path, name) in view.only:
            layout.nodes[name] = Node(state)
    if not layout.nodes:
        return layout
    layout.rows, layout.links = arrange(part, layout.nodes)
    for name, node in layout.nodes.items():
        _measure(node, (*path, name), view, room)
    layout.width = place(layout.rows, layout.links)
    _stack(layout)
    return layout


def _measure(node: Node, path: Path, view: View, room: int) -> None:
    assert node.state is not None
    inner = _inside(node.state, path, view, room)
    chips = cell_len(chips_text(node.chips, view.brief))
    title = cell_len(label(node.state)) + STATUS
    if inner:
        title += COUNTS if node.state.type == "Map" else 0
        width, node.height = _shelve(inner, room)
        node.inside = inner
        node.width = max(width, title + 6, chips + 8)
        _centre(inner, node.width)
    elif view.zoom >= BOXES:
        node.width, node.height = max(title, chips) + 4, 4 if node.chips else 3
    else:
        counts = COUNTS if node.state.type == "Map" and node.state.parts else 0
        hidden = cell_len(hidden_text(node.state))
        node.width, node.height = title + 2 + hidden + counts + (chips + 1 if chips else 0), 1


def _inside(state: State, path: Path, view: View, room: int) -> list[Inner]:
    if view.zoom == FOLDED or path in view.folded:
        return []
    found = (lay_out(part, view, (*path, key), max(room - 4, 0)) for key, part in state.parts)
    return [Inner(layout) for layout in found if layout.nodes]


def _shelve(inner: list[Inner], room: int) -> tuple[int, int]:
    """Put the branches side by side, wrapped at the room there is; width and height of the container around them."""
    widths: list[int] = []
    left, top, deep = 2, 1, 0
    for each in inner:
        if left > 2 and room and left + each.layout.width + 2 > room:
            left, top, deep = 2, top + deep + 1, 0
        each.left, each.top = left, top
        left += each.layout.width + 2
        deep = max(deep, each.layout.height)
        widths.append(left)
    return max(widths), top + deep + 1


def _centre(inner: list[Inner], width: int) -> None:
    """Move each shelf to the middle of its container."""
    for top in {each.top for each in inner}:
        shelf = [each for each in inner if each.top == top]
        by = (width - 2 - shelf[-1].left - shelf[-1].layout.width) // 2
        for each in shelf:
            each.left += by


def _stack(layout: Layout) -> None:
    y = 0
    for number, row in enumerate(layout.rows):
        high = max(node.height for node in row)
        for node in row:
            node.top = y
            if node.bend:
                node.height = high
        y += high
        if number + 1 < len(layout.rows):
            nets, tracks = route(row)
            layout.channels.append((y, tracks + 1, nets))
            y += tracks + 1
    layout.height = y


def label(state: State) -> str:
    return f"{STATE_TYPE.get(state.type, '?')} {clip(clean(state.name), LONGEST)}"


def hidden_text(state: State) -> str:
    """How many states are folded away inside."""
    inside = sum(part.count() for _, part in state.parts) + state.hidden
    return f" +{inside}" if inside else ""


def chips_text(chips: list[Chip], brief: bool = False) -> str:
    """The first two chips, and how many more there are; briefly only their signs."""
    if brief:
        return "".join(dict.fromkeys(CHIP[chip.kind] for chip in chips))
    told = [f"{CHIP[chip.kind]} {clip(clean(chip.target), CHIP_NAME)}" for chip in chips[:2]]
    return "  ".join(told) + (f" +{len(chips) - 2}" if len(chips) > 2 else "")
