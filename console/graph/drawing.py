"""A layout drawn onto a canvas: boxes, titles, lines, chips, conditions. Pure.

What changes while an execution runs (status, counts) is only a place here; the widget fills it in each time it paints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rich.cells import cell_len

from console.graph.canvas import DOWN, UP, Canvas, EdgeKey, Owner
from console.graph.layers import Chip, Node
from console.graph.layout import COUNTS, STATUS, Layout, View, chips_text, hidden_text, label, lay_out
from console.graph.reading import Edge, Part, read
from console.graph.routing import Net
from console.journal import Path
from console.text import clean, clip

CONDITION, LEGIBLE = 22, 6  # cells of a condition beside its arrow: at most, and at least if it is longer


class Box(NamedTuple):
    """The place of one state; `title` says that others are inside of it."""

    x: int
    y: int
    width: int
    height: int
    title: bool = False


@dataclass(slots=True)
class Drawing:
    """What there is to paint and to walk over."""

    canvas: Canvas
    boxes: dict[Path, Box] = field(default_factory=dict)
    edges: dict[EdgeKey, str] = field(default_factory=dict)  # drawn ones, with their kind
    chips: dict[Path, list[Chip]] = field(default_factory=dict)
    rows: list[Any] = field(default_factory=list)

    def text(self) -> str:
        """The picture as plain lines."""
        lines = ("".join(run.text for run in self.canvas.runs(y)) for y in range(self.canvas.height))
        return "\n".join(line.rstrip() for line in lines)


def draw(definition: Any, view: View | None = None) -> Drawing:
    """The drawing of a definition. Never raises, whatever the definition is."""
    return draw_part(read(definition), view or View())


def draw_part(part: Part, view: View) -> Drawing:
    layout = lay_out(part, view)
    drawing = Drawing(Canvas(layout.width + 1, layout.height))
    _paint(drawing, layout, view, 0, 0)
    drawing.rows = [drawing.canvas.runs(y) for y in range(drawing.canvas.height)]
    return drawing


def _paint(drawing: Drawing, layout: Layout, view: View, left: int, top: int) -> None:
    for y, height, nets in layout.channels:
        for net in nets:
            _net(drawing, layout.path, net, left, top + y, height, top)
    for row in layout.rows:
        for node in row:
            if node.state is None:
                edge = node.ups[0].edge
                drawing.canvas.upright(
                    left + node.left, top + node.top, top + node.top + node.height - 1, _key(layout.path, edge)
                )
            else:
                _node(drawing, node, (*layout.path, node.state.name), view, left + node.left, top + node.top)
    for y, height, nets in layout.channels:
        for net in nets:
            for link in net.links:
                _condition(drawing, link.edge, left + link.lower.centre, top + y + height - 1, link.lower.bend)


def _key(path: Path, edge: Edge) -> EdgeKey:
    return (*path, edge.source), (*path, edge.target)


def _net(drawing: Drawing, path: Path, net: Net, left: int, top: int, height: int, origin: int) -> None:
    canvas, last = drawing.canvas, top + height - 1
    for link in net.links:
        key = _key(path, link.edge)
        drawing.edges.setdefault(key, link.edge.kind)
        start, end = left + link.upper.centre, left + link.lower.centre
        canvas.upright(start, origin + link.upper.top + link.upper.height, top - 1, key)
        if start == end:
            canvas.upright(start, top, last, key)
        else:
            track = top + net.track
            canvas.upright(start, top, track - 1, key)
            canvas.line(start, track, UP, key)
            canvas.level(track, min(start, end), max(start, end), key)
            canvas.line(end, track, DOWN, key)
            canvas.upright(end, track + 1, last, key)
        if not link.lower.bend:
            canvas.text(end, last, "▼", Owner("edge", (), (key,)))


def _condition(drawing: Drawing, edge: Edge, x: int, y: int, bend: bool) -> None:
    """Beside the arrow, as much as there is room for; before it, if only there is room for the whole of it."""
    told = clip(clean(edge.label), CONDITION)
    if not told or bend or edge.kind != "choice":
        return
    need, after, before = cell_len(told), _room(drawing, x, y, 1), _room(drawing, x, y, -1)
    if after < need <= before:
        drawing.canvas.text(x - 1 - need, y, told, Owner("rule"))
    elif after >= min(LEGIBLE, need):
        drawing.canvas.text(x + 2, y, clip(told, after), Owner("rule"))


def _room(drawing: Drawing, x: int, y: int, step: int) -> int:
    """Cells that are free beside an arrow, without a blank at either end of them."""
    most = CONDITION + 3
    return next((n for n in range(most) if not drawing.canvas.free(x + step * (n + 1), y, 1)), most) - 2


def _node(drawing: Drawing, node: Node, path: Path, view: View, x: int, y: int) -> None:
    drawing.boxes[path] = Box(x, y, node.width, node.height, bool(node.inside))
    if node.chips:
        drawing.chips[path] = node.chips
    if node.inside:
        _container(drawing, node, path, view, x, y)
    elif node.height > 1:
        _box(drawing, node, path, view, x, y)
    else:
        _line(drawing, node, path, view, x, y)


def _title(drawing: Drawing, node: Node, path: Path, x: int, y: int) -> int:
    """Name and status; the column behind them."""
    assert node.state is not None
    text = label(node.state)
    drawing.canvas.text(x, y, text, Owner("label", path))
    x += cell_len(text)
    drawing.canvas.text(x, y, " " * STATUS, Owner("status", path))
    return x + STATUS


def _line(drawing: Drawing, node: Node, path: Path, view: View, x: int, y: int) -> None:
    assert node.state is not None
    canvas = drawing.canvas
    canvas.text(x, y, " ", Owner("box", path))
    at = _title(drawing, node, path, x + 1, y)
    hidden = hidden_text(node.state)
    canvas.text(at, y, hidden, Owner("chips", path))
    at += cell_len(hidden)
    if node.state.type == "Map" and node.state.parts:
        canvas.text(at, y, " " * COUNTS, Owner("counts", path))
        at += COUNTS
    canvas.text(at, y, " " + chips_text(node.chips, view.brief) if node.chips else "", Owner("chips", path))
    canvas.text(x + node.width - 1, y, " ", Owner("box", path))


def _box(drawing: Drawing, node: Node, path: Path, view: View, x: int, y: int) -> None:
    canvas, owner = drawing.canvas, Owner("box", path)
    _frame(canvas, node, owner, x, y, "╭─╮│╰╯")
    _title(drawing, node, path, x + 2, y + 1)
    if node.chips:
        canvas.text(x + 2, y + 2, chips_text(node.chips, view.brief), Owner("chips", path))


def _container(drawing: Drawing, node: Node, path: Path, view: View, x: int, y: int) -> None:
    assert node.state is not None
    canvas = drawing.canvas
    _frame(canvas, node, Owner("box", path), x, y, "┌┄┐┆└┘")
    canvas.text(x + 2, y, " ", Owner("box", path))
    at = _title(drawing, node, path, x + 3, y)
    if node.state.type == "Map":
        canvas.text(at, y, "┄" * COUNTS, Owner("counts", path))
    if node.chips:
        text = f" {chips_text(node.chips, view.brief)} "
        place = x + node.width - 2 - cell_len(text)
        if place <= x + node.width // 2:  # it would hide where the line comes out
            place = x + node.width // 2 + 1 if cell_len(text) < node.width // 2 - 2 else x + 1
        canvas.text(place, y + node.height - 1, clip(text, x + node.width - 1 - place), Owner("chips", path))
        if node.downs:
            canvas.text(x + node.width // 2, y + node.height - 1, "┬", Owner("box", path))
    for inner in node.inside:
        _paint(drawing, inner.layout, view, x + inner.left, y + inner.top)


def _frame(canvas: Canvas, node: Node, owner: Owner, x: int, y: int, signs: str) -> None:
    """A border: the corners, and ┬ where lines come out."""
    width, last = node.width, y + node.height - 1
    canvas.text(x, y, signs[0] + signs[1] * (width - 2) + signs[2], owner)
    for row in range(y + 1, last):
        canvas.text(x, row, signs[3], owner)
        if not node.inside:
            canvas.text(x + 1, row, " " * (width - 2), owner)
        canvas.text(x + width - 1, row, signs[3], owner)
    canvas.text(x, last, signs[4] + signs[1] * (width - 2) + signs[5], owner)
    if node.downs:
        canvas.text(x + width // 2, last, "┬", owner)
