"""The verbs of the command line: one a file, each returns a result or raises."""
