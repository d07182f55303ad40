"""An API Gateway on one box: HTTP routes that start executions, call functions, take callbacks and people's decisions.

It has a listener of its own and is off unless configured; it reaches the daemon through its operations only.
"""
