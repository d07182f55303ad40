"""Painting spans: tones become styles here, and lists of lines share their scrolling, cursor and keys.

A `LineView` renders only the lines that are on the screen and repaints only two when the cursor moves; over a slow
line that is the difference between one packet and thirty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from console.actions import textual_key
from console.looks import TONES, Span
from console.messages import Opened, Selected
from console.text import in_lines

#: Tones that can be seen on blanks.
MARKED = frozenset({"hit"})
#: Tones of keys: a click on one presses it.
PRESSED = frozenset({"key", "press"})


#: The component classes of an app whose widgets paint. They are the app's and not each widget's, because a change of
#: focus works out the component classes of every widget around it again.
PAINTS = {"line--cursor", "line--head", *(f"tone--{tone}" for tone in TONES)}


class Painted(Widget):
    """A widget that turns spans into segments. Its app has `PAINTS` among its component classes."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._styles_of_app: dict[str, Style] = {}

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_of_app.clear()

    def style_of(self, paint: str) -> Style:
        """The style of one of `PAINTS`, without a background of its own unless the style sheet gives it one."""
        if paint not in self._styles_of_app:
            self._styles_of_app[paint] = self.app.get_component_styles(paint).partial_rich_style
        return self._styles_of_app[paint]

    def tone(self, name: str) -> Style:
        return self.style_of(f"tone--{name}") if name else Style.null()

    def paint(self, spans: Sequence[Span], base: Style) -> list[Segment]:
        """The spans as segments, as few as possible: over a slow line every change of style costs forty bytes."""
        runs: list[tuple[str, str]] = []
        for text, tone in spans:
            if not text:
                continue
            before = runs[-1] if runs else None
            if before and (tone == before[1] or (tone not in MARKED and text.isspace() and before[1] not in MARKED)):
                runs[-1] = (before[0] + text, before[1])
            else:
                runs.append((text, tone))
        return [Segment(text.replace("\u00a0", " "), base + self.tone(tone)) for text, tone in runs]


def key_at(spans: Sequence[Span], x: int) -> str:
    """The key that stands in a cell of a line, or right before the words in it; "" if none does."""
    end, key = 0, ""
    for span in spans:
        end += cell_len(span.text)
        if span.tone in PRESSED:
            key = span.text.strip()
        if x < end:
            return key
        if span.tone not in PRESSED:
            key = ""
    return ""


def within(spans: Sequence[Span], width: int) -> Sequence[Span]:
    """The spans in at most `width` cells; what is cut off, unless it is blank, shows as one `…`."""
    if cell_len("".join(span.text for span in spans).rstrip()) <= width:
        return spans
    kept, room = [], width - 1
    for text, tone in spans:
        size = cell_len(text)
        kept.append(Span(text if size <= room else set_cell_size(text, room), tone))
        room -= size
        if room <= 0:
            break
    return [*kept, Span("…", "dim")]


class OneLine(Painted):
    """A single line of spans, clipped at the right."""

    DEFAULT_CSS = "OneLine { height: 1; width: 1fr; }"

    def spans(self, width: int) -> Sequence[Span]:
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if y:
            return Strip.blank(width)
        return Strip(self.paint(within(self.spans(width), width), base)).crop_extend(0, width, base)

    def on_click(self, event: events.Click) -> None:
        """A click on a key, or on the word behind it, is that key."""
        key = key_at(self.spans(self.size.width), event.x - self.styles.padding.left)
        if key:
            event.stop()
            self.app.simulate_key(textual_key(key))


class LineView(Painted, ScrollView, can_focus=True):
    """A list of lines with a cursor, of which only the visible ones exist."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("home,g", "top", show=False),
        Binding("end,G", "bottom", show=False),
    ]
    cursor: reactive[int] = reactive(0, repaint=False, init=False)
    head = 0
    empty = ""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._painted: dict[int, Strip] = {}
        self._page = 0  # lines that were in sight at the last resize

    def length(self) -> int:
        raise NotImplementedError

    def spans(self, index: int, width: int) -> Sequence[Span]:
        """The text of one line, at most `width` cells."""
        raise NotImplementedError

    def heading(self, width: int) -> Sequence[Span]:
        return ()

    def relayout(self) -> None:
        """The number of lines or their text changed."""
        self.virtual_size = Size(self.size.width, self.length() + self.head)
        self.cursor = max(0, min(self.cursor, self.length() - 1))
        self.refresh_changed()

    def refresh_changed(self) -> None:
        """Paint again only the lines that read differently than they did when they were painted."""
        for y in range(self.size.height):
            if self._line(y) != self._painted.get(y):
                self.refresh(Region(0, y, self.size.width, 1))

    def on_resize(self) -> None:
        """The cursor stays in sight if it was: a border that moves must not hide what is selected."""
        top, before = self.scroll_offset.y, self._page
        self._page = self.page_height()
        self.relayout()
        if top + self._page <= self.cursor < top + before:
            self.scroll_to(y=self.cursor - self._page + 1, animate=False, force=True)
            self.refresh()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        self._painted[y] = self._line(y)
        return self._painted[y]

    def _line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        if y < self.head:
            style = base + self.style_of("line--head")
            return Strip(self.paint([Span(" "), *self.heading(width - 1)], style)).crop_extend(0, width, style)
        index = self.scroll_offset.y + y - self.head
        if index >= self.length():
            return self._blank(y, width, base)
        current = index == self.cursor
        lit = current and self.has_focus
        style = base + self.style_of("line--cursor") if lit else base
        mark = Span("▌", "accent" if self.has_focus else "faint") if current else Span(" ")
        spans = [mark, *within(self.spans(index, width - 1), width - 1)]
        if style.reverse:  # in 16 colours; every tone would be a patch, and blanks would hide a bar
            spans = [Span(span.text) for span in spans]
        return Strip(self.paint(spans, style)).crop_extend(0, width, style)

    def _blank(self, y: int, width: int, base: Style) -> Strip:
        lines = in_lines(self.empty, width - 3) if self.empty and not self.length() else []
        place = y - self.head - 1
        if 0 <= place < len(lines):
            text = Span("  " + lines[place], "dim")
            return Strip(self.paint([text], base)).crop_extend(0, width, base)
        return Strip.blank(width, base)

    def page_height(self) -> int:
        return max(1, self.size.height - self.head)

    def watch_cursor(self, old: int, new: int) -> None:
        height, top = self.page_height(), self.scroll_offset.y
        if not top <= new < top + height:
            self.scroll_to(y=new if new < top else new - height + 1, animate=False, force=True)
            self.refresh()
        else:
            for index in (old, new):
                self.refresh(Region(0, index - top + self.head, self.size.width, 1))
        self.post_message(Selected())

    def action_move(self, by: int) -> None:
        self.cursor = max(0, min(self.length() - 1, self.cursor + by))

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.page_height() - 1))

    def action_top(self) -> None:
        self.cursor = 0

    def action_bottom(self) -> None:
        self.cursor = max(0, self.length() - 1)

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)  # a frame around the lines is none of them
        if place is None or place.y < self.head or self.scroll_offset.y + place.y - self.head >= self.length():
            return
        index = self.scroll_offset.y + place.y - self.head
        again, self.cursor = index == self.cursor, index
        if again and event.chain > 1:
            self.post_message(Opened())
