"""The command line: parses, prints, and turns errors into text and exit codes.

The only package that prints or exits.
"""

# Importing these registers their commands.
from idemflow.cli import dead_letters, demo_db, pipelines, servers, sources, versions  # noqa: F401
from idemflow.cli.base import main

__all__ = ["main"]
