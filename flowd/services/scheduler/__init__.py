"""When EventBridge's schedules fire: the grammar of their expressions, for rules and for templates. Pure: no clock."""
