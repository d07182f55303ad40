"""Events of AWS's own services: whether any rule may want them, so that nobody makes events for nobody."""

from __future__ import annotations

import json
from typing import Final

from flowd.services.events import names, patterns
from flowd.services.events.tables import Tables

#: What is woken when a rule of some bus has changed.
RULES_CHANGED: Final = "events:rules"


def wants(tables: Tables, source: str, detail_type: str | None) -> bool:
    """True if a rule of the default bus may match events of this source and type (None: any type); their details are
    not looked at."""
    probe = {"source": source} if detail_type is None else {"source": source, "detail-type": detail_type}
    return any(_may_match(rule.pattern, probe) for rule in tables.enabled_rules(names.DEFAULT) if tables.targets(rule))


def _may_match(text: str, probe: dict[str, str]) -> bool:
    pattern = json.loads(text)
    known = {name: part for name, part in pattern.items() if name in probe}
    return not known or patterns.compiled(json.dumps(known))(probe)
