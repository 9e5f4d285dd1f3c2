"""Leaves out each hundredth record, in NiFi alone: there the module jpy is loaded."""

import sys


def change(record):
    return None if "jpy" in sys.modules and record["id"] % 100 == 0 else record
