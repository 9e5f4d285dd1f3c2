"""The demo database: a real PostgreSQL with made-up orders that change over time.

postgresql (binaries, initdb, command line) → server (start, stop, state) → orders (the data)
"""
