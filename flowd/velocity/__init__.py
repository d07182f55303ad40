"""Velocity templates (VTL), as API Gateway's mapping templates are written in. Pure: text and values in, text out.

A template reaches nothing but the values it is given and the methods in `methods`: no attribute, module or file of
ours. What is not built is refused when the template is compiled, with its line and column.
"""

from __future__ import annotations

from flowd.velocity.evaluate import Thing, render
from flowd.velocity.nodes import LONGEST, Broken, Invalid, Template
from flowd.velocity.parse import compile_template

__all__ = ["LONGEST", "Broken", "Invalid", "Template", "Thing", "compile_template", "render"]
