"""The console on the daemon in memory, to look at: `python -m tests.console.demo [--readonly] [--empty]`."""

from __future__ import annotations

import sys

from console import terminal
from console.app import FlowdApp
from tests.console.fake import ZONE, FakeDaemon
from tests.console.stories import NOW


class Demo(FlowdApp):
    """The app; with --cut it loses its daemon after three seconds."""

    def on_ready(self) -> None:
        if "--cut" in sys.argv and isinstance(self.daemon, FakeDaemon):
            self.set_timer(3, self.daemon.cut)


def main() -> int:
    daemon = FakeDaemon(0 if "--empty" in sys.argv else 1000)
    if "--empty" in sys.argv:
        daemon.open, daemon.closed = [], []
    app = Demo(daemon, now=lambda: NOW, zone=ZONE, readonly="--readonly" in sys.argv)
    with terminal.kept(app):
        return app.run() or 0


if __name__ == "__main__":
    sys.exit(main())
