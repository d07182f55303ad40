"""The screen of one execution: its views (views.py), moving in them (moving.py), ways on from there (family.py)."""

from __future__ import annotations

from typing import ClassVar

from console.actions import bindings
from console.screens.family import StateVerbs


class ExecutionScreen(StateVerbs):
    NAME = "execution"
    BINDINGS = bindings("execution")
    KINDS: ClassVar[frozenset[str]] = frozenset({"execution", "prompt"})
