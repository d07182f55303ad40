"""Distributed Map in the engine: Map Runs (`mapruns`, one of them is a `run`), their children and what these get as
input (`items`) and come to (`results`).
"""
