"""The command line: parses, prints, and turns errors into text and exit codes.

The only package that prints or exits.
"""

from idemflow.cli.base import main

__all__ = ["main"]
