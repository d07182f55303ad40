"""Events of AWS's own services: whether any rule may want them, so that nobody makes events for nobody."""

from __future__ import annotations

import json

from flowd.services.events import archives, names, patterns
from flowd.services.events.names import RULES_CHANGED
from flowd.services.events.tables import Tables

__all__ = ["RULES_CHANGED", "wants"]


def wants(tables: Tables, source: str, detail_type: str | None) -> bool:
    """True if a rule or archive of the default bus may match events of this source and type (None: any type); their
    details are not looked at."""
    probe = {"source": source} if detail_type is None else {"source": source, "detail-type": detail_type}
    texts = [rule.pattern for rule in tables.enabled_rules(names.DEFAULT) if tables.targets(rule)]
    return any(
        text is None or _may_match(text, probe) for text in [*texts, *archives.patterns_of(tables, names.DEFAULT)]
    )


def _may_match(text: str, probe: dict[str, str]) -> bool:
    pattern = json.loads(text)
    known = {name: part for name, part in pattern.items() if name in probe}
    return not known or patterns.compiled(json.dumps(known))(probe)
