"""A screen of the console as a picture: every cell drawn by itself, as a terminal does it. Needs Pillow and a font."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.cells import cell_len
from rich.color import Color
from rich.style import Style
from textual.app import App

FONT = "DejaVuSansMono"
SIZE = 13
_INK, _PAPER = (211, 215, 222), (20, 23, 28)

Rgb = tuple[int, int, int]


class Renderer:
    """Draws screens with one font; raises SystemExit if the font is missing."""

    def __init__(self, size: int = SIZE) -> None:
        try:
            self._plain = ImageFont.truetype(f"{FONT}.ttf", size)
            self._bold = ImageFont.truetype(f"{FONT}-Bold.ttf", size)
        except OSError:
            raise SystemExit(f"the font {FONT} is missing: apt-get install fonts-dejavu-core") from None
        self.width = round(self._plain.getlength("M"))
        self.height = sum(self._plain.getmetrics())

    def save(self, app: App[int], path: Path) -> None:
        """Write what the app shows as a PNG of few colours."""
        columns, rows = app.size
        image = Image.new("RGB", (columns * self.width, rows * self.height), _PAPER)
        draw = ImageDraw.Draw(image)
        for y, strip in enumerate(app.screen._compositor.render_strips()):
            x = 0
            for segment in strip:
                for char in segment.text:
                    x += self._cell(draw, x, y, char, segment.style or Style.null())
        path.parent.mkdir(parents=True, exist_ok=True)
        image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)

    def _cell(self, draw: ImageDraw.ImageDraw, x: int, y: int, char: str, style: Style) -> int:
        """Draw one character; how many cells it took."""
        cells = cell_len(char)
        ink, paper = _rgb(style.color, _INK), _rgb(style.bgcolor, _PAPER)
        if style.reverse:
            ink, paper = paper, ink
        if not cells:  # it belongs to the character before
            return 0
        left, top = x * self.width, y * self.height
        draw.rectangle((left, top, left + cells * self.width - 1, top + self.height - 1), fill=paper)
        if char.strip():
            bold = bool(style.bold) and not "─" <= char <= "▟"
            draw.text((left, top), char, font=self._bold if bold else self._plain, fill=ink)
        if style.underline:
            bottom = top + self.height - 2
            draw.line((left, bottom, left + cells * self.width, bottom), fill=ink)
        return cells


def _rgb(color: Color | None, default: Rgb) -> Rgb:
    if color is None or color.is_default:
        return default
    return tuple(color.get_truecolor())  # type: ignore[return-value]
