"""The Python API: the same verbs as the command line, for notebooks and schedulers.

    from idemflow import Project

    report = Project("my-pipelines").pipeline("people").run()

Nothing is printed. What a command would end with another exit code than 0 for is an error of
:mod:`idemflow.errors`. Threads may work at the same time, on pipelines of several projects, too.
"""

from idemflow.api.pipeline import Pipeline
from idemflow.api.project import Project

__all__ = ["Pipeline", "Project"]
