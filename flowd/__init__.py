"""flowd: Amazon Step Functions and Amazon SWF on one box. Read `history`, `decisions` and `frames` first."""

__version__ = "0.1.0"
