"""The graph of a definition or of an execution: a drawing of `console.graph`, coloured and walked over.

Only the rows on the screen are painted. The drawing is made again when the definition, the zoom, the folds or the
width change; news of a running execution only colour it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.graph.canvas import Canvas, Run
from console.graph.drawing import Drawing
from console.graph.layout import BOXES, FOLDED, View
from console.graph.reading import Part, read
from console.graph.steps import at, fitted, fitting, following, nearest, shown
from console.graph.story import Story
from console.journal import Path
from console.looks import HEAVY, Span
from console.messages import Chosen, Opened
from console.text import pad
from console.widgets.paint import Painted

_BAD = ("FAILED", "TIMED_OUT", "CAUGHT")


class GraphView(Painted, ScrollView, can_focus=True):
    """A graph with one state selected. Posts `Chosen` when another one is."""

    DEFAULT_CSS = "GraphView { height: 1fr; scrollbar-size: 1 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "walk(0, 1)", show=False),
        Binding("up,k", "walk(0, -1)", show=False),
        Binding("left,h", "walk(-1, 0)", show=False),
        Binding("right,l", "walk(1, 0)", show=False),
        Binding("plus,equals_sign", "zoom(1)", show=False),
        Binding("minus", "zoom(-1)", show=False),
        Binding("v", "visited", show=False),
        Binding("z,space", "fold", show=False),
        Binding("g,home", "edge(0)", show=False),
        Binding("G,end", "edge(-1)", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
    ]

    def __init__(self, *, id: str | None = None, empty: str = "no states that can be drawn") -> None:
        super().__init__(id=id)
        self.empty = empty
        self.story = Story()
        self.selected: Path = ()
        self.zoom: int | None = None  # None: whatever fits
        self.only_visited = False
        self._folded: frozenset[Path] = frozenset()
        self._definition: Any = None
        self._part = Part()
        self._drawn: tuple[Any, ...] = ()
        self.drawing = Drawing(Canvas(1, 0))

    # -- what is shown

    def show_graph(self, definition: Any, story: Story) -> None:
        """Show a definition; the drawing is made anew only if it is another one."""
        if definition != self._definition:
            self._definition, self._part = definition, read(definition)
            self._drawn = ()
        changed = story != self.story
        self.story = story
        if self._redraw() or changed:
            self.refresh()

    def _key(self) -> tuple[Any, ...]:
        only = self.story.visited() if self.only_visited else None
        return (self.zoom, self.size.width, self.size.height if self.zoom is None else 0, self._folded, only)

    def _redraw(self) -> bool:
        if self._key() == self._drawn or not self.size.width:
            return False
        self._drawn = self._key()
        zoom, width, _, folded, only = self._drawn
        if zoom is None and not folded and only is None:
            self.fitted, self.drawing = fitting(self._part, width - 1, self.size.height)
        else:
            self.drawing = fitted(self._part, View(self.level, width - 1, folded, only=only))
        self.selected = shown(self.drawing.boxes, self.selected)
        canvas = self.drawing.canvas
        self.virtual_size = Size(canvas.width, canvas.height)
        self.refresh()
        self.call_after_refresh(self._into_view)
        return True

    fitted = BOXES

    @property
    def level(self) -> int:
        return self.fitted if self.zoom is None else self.zoom

    def on_resize(self) -> None:
        self._redraw()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # -- painting

    @property
    def indent(self) -> int:
        """A graph narrower than the view stands in its middle."""
        return max(0, (self.size.width - self.drawing.canvas.width) // 2)

    def render_line(self, y: int) -> Strip:
        width, base, row = self.size.width, self.rich_style, y + self.scroll_offset.y
        if not self.drawing.boxes:
            text = Span("  " + self.empty, "dim") if y == 1 else Span("")
            return Strip(self.paint([text], base)).crop_extend(0, width, base)
        if row >= len(self.drawing.rows):
            return Strip.blank(width, base)
        segments = [Segment(" " * self.indent, base)]
        for run in self.drawing.rows[row]:
            segments += self._paint_run(run, base)
        left = self.scroll_offset.x
        return Strip(segments).crop_extend(left, left + width, base)

    def _paint_run(self, run: Run, base: Style) -> list[Segment]:
        owner = run.owner
        if owner is None:
            return [Segment(run.text, base)]
        chosen = bool(owner.path) and owner.path == self.selected
        style = base
        if chosen and owner.kind in ("label", "status"):
            style = base + self.style_of("line--cursor")
        if owner.kind == "status":
            look = self.story.look(owner.path)
            text = f" {look.glyph}" if look.word else run.text
            return self.paint([Span(text, look.tone)], style)
        if owner.kind == "counts":
            return self._paint_counts(run, style)
        text = run.text.translate(HEAVY) if chosen and owner.kind == "box" else run.text
        if chosen and owner.kind == "box" and run.text == " ":
            text = "[" if run.x == self.drawing.boxes[owner.path].x else "]"
        tone = self.story.tone(owner, self.drawing.edges)
        painted = self.paint([Span(text, tone)], style)
        bold = chosen and owner.kind in ("label", "box")
        return [Segment(part.text, (part.style or base) + Style(bold=True)) for part in painted] if bold else painted

    def _paint_counts(self, run: Run, style: Style) -> list[Segment]:
        assert run.owner is not None
        spans: Sequence[Span] = self.story.counts(run.owner.path)
        if not spans:
            return self.paint([Span(run.text, self.story.tone(run.owner, {}))], style)
        used = sum(cell_len(span.text) for span in spans) + 2
        room = cell_len(run.text)
        if used > room:
            spans = [Span(pad("".join(span.text for span in spans), room - 2), spans[-1].tone)]
            used = room
        return self.paint([Span(" "), *spans, Span(" "), Span(run.text[used:], "faint")], style)

    # -- walking

    def select(self, path: Path, tell: bool = False) -> None:
        """Select a state, or what it is folded into; with `tell` others hear of it."""
        if self.drawing.boxes and path not in self.drawing.boxes:
            path = shown(self.drawing.boxes, path)
        if path == self.selected:
            return
        old, self.selected = self.selected, path
        self._into_view()
        for each in (old, path):
            self._refresh_box(each)
        if tell:
            self.post_message(Chosen(path))

    def _refresh_box(self, path: Path) -> None:
        box = self.drawing.boxes.get(path)
        if box is not None:
            x, y = box.x + self.indent - self.scroll_offset.x, box.y - self.scroll_offset.y
            region = Region(x, y, box.width, box.height).intersection(Region(0, 0, self.size.width, self.size.height))
            self.refresh(region)

    def _into_view(self) -> None:
        box = self.drawing.boxes.get(self.selected)
        if box is None:
            return
        x, y = self.scroll_offset
        high = min(box.height, 4)
        if not x <= box.x or box.x + min(box.width, self.size.width) > x + self.size.width:
            x = max(0, box.x + box.width // 2 - self.size.width // 2)
        if not y <= box.y or box.y + high > y + self.size.height:
            y = max(0, box.y + high // 2 - self.size.height // 2)
        if (x, y) != self.scroll_offset:
            self.scroll_to(x, y, animate=False, force=True)
            self.refresh()

    def action_walk(self, dx: int, dy: int) -> None:
        self.select(nearest(self.drawing.boxes, self.selected, dx, dy), tell=True)

    def action_edge(self, place: int) -> None:
        if self.drawing.boxes:
            by_row = sorted(self.drawing.boxes, key=lambda path: self.drawing.boxes[path].y)
            self.select(by_row[place], tell=True)

    def action_page(self, by: int) -> None:
        for _ in range(max(1, self.size.height // 4)):
            self.action_walk(0, by)

    def next_failure(self) -> bool:
        """To the next state that failed; False if none has."""
        bad = [path for path, row in self.story.rows.items() if row.status in _BAD]
        order = sorted(self.drawing.boxes, key=lambda path: (self.drawing.boxes[path].y, self.drawing.boxes[path].x))
        found = following(order, bad, self.selected)
        if found is not None:
            self.select(found, tell=True)
        return found is not None

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)  # None on the frame around it
        if place is None:
            return
        place += self.scroll_offset
        path = at(self.drawing.boxes, place.x - self.indent, place.y)
        if path is not None:
            again = path == self.selected
            self.select(path, tell=True)
            if again and event.chain > 1:
                self.post_message(Opened())

    # -- how much is shown

    def action_zoom(self, by: int) -> None:
        self.zoom = max(FOLDED, min(BOXES, self.level + by))
        self._redraw()

    def action_visited(self) -> None:
        """Only what was visited, or all again."""
        if self.story.live:
            self.only_visited = not self.only_visited
            self._redraw()

    def action_fold(self) -> None:
        """Close or open the container under the cursor, or the one around the state."""
        box = self.drawing.boxes.get(self.selected)
        path = self.selected
        if box is not None and not box.title and path not in self._folded:
            path = path[:-2]
        if path:
            self._folded ^= {path}
            self.selected = path
            self._redraw()
