"""What a service or a rule sends, on its way to its target: a row of the outbox until it is taken or given up.

`deliveries` is the outbox, the other modules bring a row to its target: a machine or a URL (`carriers`), an API
destination, a person (`messengers`), a function (`invocations`).
"""
