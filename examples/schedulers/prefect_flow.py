"""A Prefect flow that runs the pipeline ``people`` each night: ``python prefect_flow.py``.

Prefect may try its task again, or a person may run it anew: the documents are the same.
"""

import os

from prefect import flow, task
from prefect.artifacts import create_table_artifact

from idemflow import Project


@task(retries=3, retry_delay_seconds=30)
def load() -> dict[str, int]:
    """Fails where a record was lost, doubled or refused; gives the counts."""
    pipeline = Project(os.environ["IDEMFLOW_PROJECT"]).pipeline("people")
    run = pipeline.run().runs[-1]
    return {
        "created": run.created,
        "overwritten": run.overwritten,
        "deleted": run.deleted,
        "documents": pipeline.verify().documents,
    }


@flow
def idemflow_people() -> dict[str, int]:
    """The counts are shown as an artifact of the run."""
    counts = load()
    create_table_artifact(key="idemflow-people", table=[counts])
    return counts


if __name__ == "__main__":
    idemflow_people.serve(name="nightly", cron="0 2 * * *")
