"""An Airflow DAG that runs the pipeline ``people`` each night.

Airflow may try its task again, or a person may clear it: the documents are the same.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task


@dag(
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30)},
)
def idemflow_people() -> None:
    @task
    def load() -> dict[str, int]:
        """Fails where a record was lost, doubled or refused; the counts are its XCom."""
        from idemflow import Project  # noqa: PLC0415 -- the DAG processor reads this file often

        pipeline = Project(os.environ["IDEMFLOW_PROJECT"]).pipeline("people")
        run = pipeline.run().runs[-1]
        return {
            "created": run.created,
            "overwritten": run.overwritten,
            "deleted": run.deleted,
            "documents": pipeline.verify().documents,
        }

    load()


idemflow_people()
