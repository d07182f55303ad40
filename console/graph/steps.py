"""Walking over a drawing: the nearest state in a direction, the state under the mouse, the zoom that fits. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from console.graph.drawing import Box, Drawing, draw_part
from console.graph.layout import BOXES, HUGE, LINES, View
from console.graph.reading import Part
from console.journal import Path


def nearest(boxes: dict[Path, Box], here: Path, dx: int, dy: int) -> Path:
    """The state to go to from `here`; `here` itself if there is none in that direction."""
    if here not in boxes:
        return next(iter(boxes), here)
    x, y = _point(boxes[here])
    best, cost = here, float("inf")
    for path, box in boxes.items():
        across, down = _point(box)[0] - x, (_point(box)[1] - y) * 2
        if path == here or (dx and path == here[: len(path)]) or (dx and across * dx <= 0) or (dy and down * dy <= 0):
            continue
        price = abs(down) + abs(across) * 0.7 if dy else abs(across) + abs(down) * 3
        if price < cost:
            best, cost = path, price
    return best


def _point(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, float(box.y)


def at(boxes: dict[Path, Box], x: int, y: int) -> Path | None:
    """The innermost state at a cell."""
    found = [
        (box.width * box.height, path)
        for path, box in boxes.items()
        if box.x <= x < box.x + box.width and box.y <= y < box.y + box.height
    ]
    return min(found)[1] if found else None


def shown(boxes: dict[Path, Box], wanted: Path) -> Path:
    """The state itself, or the nearest one around it that is drawn."""
    while wanted and wanted not in boxes:
        wanted = wanted[:-1]
    return wanted or next(iter(boxes), ())


def following(order: Sequence[Path], wanted: Iterable[Path], here: Path) -> Path | None:
    """The next of the wanted states after `here` in the order, round and round."""
    places = {path: i for i, path in enumerate(order)}
    ahead = sorted(places[path] for path in wanted if path in places)
    if not ahead:
        return None
    start = places.get(here, -1)
    return order[next((i for i in ahead if i > start), ahead[0])]


def fitting(part: Part, width: int, height: int) -> tuple[int, Drawing]:
    """The largest zoom at which all of it is in view, else a line for each state."""
    if part.count() <= HUGE:
        drawing = draw_part(part, View(BOXES, width))
        if drawing.canvas.width <= width and drawing.canvas.height <= height:
            return BOXES, drawing
    return LINES, fitted(part, View(LINES, width))


def fitted(part: Part, view: View) -> Drawing:
    """A drawing with its chips told in words, or if that is too wide, with their signs only."""
    drawing = draw_part(part, view)
    return drawing if drawing.canvas.width <= view.width else draw_part(part, view._replace(brief=True))
