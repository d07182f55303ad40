from __future__ import annotations

from textual import events
from textual.pilot import Pilot

from console.screens.answer import AnswerScreen
from console.screens.inbox import InboxScreen
from tests.console.conftest import Console
from tests.console.driver import goes_to, sees, until


def packet(pilot: Pilot[int], *keys: str) -> None:
    """All of these keys at once, as a slow line delivers them."""
    for key in keys:
        pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_text_that_comes_together_with_tab_goes_to_the_next_field(console: Console) -> None:
    async with console(width=100, height=40) as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "Approve the refund")
        await pilot.press("j", "enter")
        await sees(pilot, "E-mail *")
        await until(pilot, lambda: pilot.app.focused is not None)
        form = pilot.app.screen
        assert isinstance(form, AnswerScreen)
        packet(pilot, "right", "tab", *"hl1", "tab", *"7")
        await until(pilot, lambda: "7" in form.form.raws().values(), "the last key")
        raws = {".".join(path): raw for path, raw in form.form.raws().items()}
        assert (raws["decision"], raws["amount"], raws["retries"]) == ("reject", "hl1", "7")


async def test_a_word_typed_ahead_of_the_command_line_is_not_read_as_verbs(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        packet(pilot, "colon", *"inbox", "enter", "j")
        await until(pilot, lambda: isinstance(pilot.app.screen, InboxScreen))
        screen = pilot.app.screen
        assert isinstance(screen, InboxScreen)
        await until(pilot, lambda: screen.loaded)
        assert len(pilot.app.screen_stack) == 1
