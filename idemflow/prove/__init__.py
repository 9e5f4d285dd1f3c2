"""``idemflow prove``: run a pipeline while what production will do to it is done, and judge it.

    plan → copy (the pipeline under another name) → steady state → methods → steady state → journal

An experiment as the Chaos Toolkit has it, judged element by element as Jepsen's set-full checker
does. Nothing of the pipeline itself is touched: what runs is a copy with an index of its own.
"""
