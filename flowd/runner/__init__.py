"""The program that runs user code, outside of the daemon, and the daemon's client for it (`client`).

The daemon imports `client` and nothing else of this package.
"""
