"""The Python side of idemflow's script engine. Java calls the functions that are named here."""

from idemflow_engine import classes, guards, output, packages, spaces, strings
from idemflow_engine.callbacks import call, implementing
from idemflow_engine.evaluation import evaluate, finish, interrupt, prepare

__all__ = ["call", "evaluate", "finish", "implementing", "interrupt", "prepare"]

for part in (classes, strings, guards, output, packages, spaces):
    part.install()
