"""What calls functions and machines by itself: event source mappings of queues and streams, and pipes.

`mappings` keeps those that clients made, `sources` runs a poller for each (`queues`, `streams`).
"""
