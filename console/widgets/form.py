"""A form made from a JSON Schema: a column of labels, compact controls beside it, complaints under their field.

Eight fields with their errors fit into 80x24. The form knows nothing of the daemon: it holds what was typed, says so
with `Edited`, and shows complaints, whoever has them.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Select, Static, TextArea

from console import fields as f
from console.complaints import check
from console.fields import MISSING, Field, Path
from console.messages import Edited
from console.text import clean
from console.widgets.options import Options, label_of


class Entry(Vertical):
    """One field: label, control, and below it the complaint or the hint."""

    def __init__(self, field: Field, raw: Any) -> None:
        super().__init__(classes=f"entry entry--{field.kind}")
        self.field = field
        self._raw = raw
        self._refused: Any = MISSING  # what stood in it when something was wrong with it

    def compose(self) -> ComposeResult:
        field = self.field
        indent = "  " * field.depth
        if field.kind == "section":
            yield Static(indent + field.label + (" *" if field.required else ""), classes="section", markup=False)
            return
        with Horizontal(classes="pair"):
            yield Static(indent + field.label + (" *" if field.required else ""), classes="label", markup=False)
            yield self._control()
        yield Static(field.hint, classes="told", markup=False)

    def on_mount(self) -> None:
        self.complain("")

    def _control(self) -> Widget:
        field, raw = self.field, self._raw
        if field.kind in ("radio", "boolean", "many"):
            options = (True, False) if field.kind == "boolean" else field.options
            return Options(field.path, options, raw, many=field.kind == "many")
        if field.kind == "select":
            return _select(field, raw)
        text = "" if raw is MISSING else str(raw)
        if field.kind in ("json", "long"):
            return TextArea(
                text, language=None, compact=True, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False
            )
        return Input(text, placeholder=field.placeholder, password=field.kind == "secret", compact=True)

    def raw(self) -> Any:
        """What stands in the control; MISSING if nothing does."""
        for control in self.query("Options, Select, TextArea, Input"):
            if isinstance(control, Options):
                untouched = control.many and not control.picked and not self.field.required
                return MISSING if untouched else control.value
            if isinstance(control, Select):
                return MISSING if control.is_blank() else self.field.options[int(str(control.value))]
            if isinstance(control, TextArea):
                return control.text
            if isinstance(control, Input):
                return control.value
        return MISSING

    def complain(self, message: str) -> None:
        """Show a complaint in place of the hint; "" takes it back."""
        self._refused = self.raw() if message else MISSING
        self.set_class(bool(message), "-wrong")
        told = self.query(".told")
        if told:
            line = told.only_one(Static)
            line.update(f"✗ {clean(message)}" if message else self.field.hint)
            line.display = bool(message or self.field.hint)

    def on_edited(self) -> None:
        """A complaint is over as soon as something else stands in the field; the next check says if that is right."""
        if self.has_class("-wrong") and self.raw() != self._refused:
            self.complain("")


def _select(field: Field, raw: Any) -> Select[str]:
    # As content, not as text: a text would be read as markup, and what is no markup would end the console.
    pairs = [(Content(label_of(option)), str(index)) for index, option in enumerate(field.options)]
    found = next((str(i) for i, option in enumerate(field.options) if raw is not MISSING and option == raw), None)
    if found is None:
        return Select(pairs, prompt="choose…", compact=True)
    return Select(pairs, prompt="choose…", compact=True, value=found)


class SchemaForm(VerticalScroll, can_focus=False):
    """The fields of a schema, filled from a draft (raw values by path) or from the schema's defaults."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "hop(1)", show=False),
        Binding("up", "hop(-1)", show=False),
    ]

    def __init__(self, schema: Any, draft: dict[Path, Any] | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.schema = schema
        self.fields = f.fields_of(schema)
        self._draft = draft or {}

    def compose(self) -> ComposeResult:
        yield Static("", classes="told whole", markup=False)
        for field in self.fields:
            yield Entry(field, self._draft.get(field.path, _default(field)))

    def on_mount(self) -> None:
        self.query_one(".whole").display = False

    def raws(self) -> dict[Path, Any]:
        """What stands in the controls, by path: a draft that another form can be made from."""
        return {entry.field.path: entry.raw() for entry in self.query(Entry) if entry.field.kind != "section"}

    def check(self) -> tuple[Any, dict[Path, str]]:
        """The answer and the complaints; the complaints are shown, and the first field that has one gets the focus."""
        answer, wrong = check(self.schema, self.fields, self.raws())
        self.complain(wrong)
        return answer, wrong

    def complain(self, wrong: dict[Path, str]) -> None:
        """Show complaints at their fields, and those of no field at the top."""
        first: Entry | None = None
        for entry in self.query(Entry):
            message = wrong.get(entry.field.path, "") if entry.field.path or len(self.fields) == 1 else ""
            entry.complain(message)
            first = first or (entry if message else None)
        whole = self.query_one(".whole", Static)
        whole.display = () in wrong and first is None
        whole.update(f"✗ {clean(wrong.get((), ''))}")
        if first is not None:
            _focus(first)

    def focus_first(self) -> None:
        entry = next((entry for entry in self.query(Entry) if entry.field.kind != "section"), None)
        if entry is not None:
            _focus(entry)

    def action_hop(self, by: int) -> None:
        if by > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._edited(event, event.input)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        self._edited(event, event.text_area)

    def on_select_changed(self, event: Select.Changed) -> None:
        self._edited(event, event.select)

    def _edited(self, event: Input.Changed | TextArea.Changed | Select.Changed, control: Widget) -> None:
        event.stop()
        entry = next((node for node in control.ancestors if isinstance(node, Entry)), None)
        if entry is not None:
            entry.on_edited()  # not by a message: sent from here it would end here
            self.post_message(Edited(entry.field.path))


def _focus(entry: Entry) -> None:
    for control in entry.query("Options, Select, TextArea, Input"):
        control.focus()
        return


def _default(field: Field) -> Any:
    if field.default is MISSING or field.kind in ("radio", "boolean", "many", "select"):
        return field.default
    if isinstance(field.default, str) and field.kind != "json":
        return field.default
    return json.dumps(field.default, ensure_ascii=False)
