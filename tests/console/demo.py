"""The console on the daemon in memory, to look at: `python -m tests.console.demo [--readonly] [--empty]`."""

from __future__ import annotations

import sys

from console.app import FlowdApp
from tests.console.fake import ZONE, FakeDaemon
from tests.console.stories import NOW


def main() -> int:
    daemon = FakeDaemon(0 if "--empty" in sys.argv else 1000)
    if "--empty" in sys.argv:
        daemon.open, daemon.closed = [], []
    app = FlowdApp(daemon, now=lambda: NOW, zone=ZONE, readonly="--readonly" in sys.argv)
    if "--cut" in sys.argv:
        app.set_timer(3, daemon.cut)
    return app.run() or 0


if __name__ == "__main__":
    sys.exit(main())
