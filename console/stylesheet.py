"""The style sheet, parsed again only where it changed.

Textual parses every rule three times before the first paint: once, once for the first mode, and once because a theme
was chosen; and the colours have not changed in between. On mode changes it does so again.
"""

from __future__ import annotations

from textual.css.stylesheet import Stylesheet


class SteadyStylesheet(Stylesheet):
    """A style sheet that keeps what it has parsed until its variables change."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._set = variables

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._set:
            self._set = variables
            super().set_variables(variables)

    def reparse(self) -> None:
        """Textual parses into a fresh style sheet, which has nothing to remember; ours is parsed in place."""
        self.parse()
