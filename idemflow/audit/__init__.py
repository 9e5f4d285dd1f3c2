"""What a rerun of a NiFi flow would do, read from its definition alone: no NiFi is asked.

    definition → :mod:`graph` → :mod:`origins` (what each attribute comes from, at each processor)
    → :mod:`rules` (one file a family) → :mod:`report` (a verdict for each path)

What is not understood is said, and never taken for fine.
"""
