"""A Dagster asset that the pipeline ``people`` makes each night.

Dagster may try it again, or a person may materialize it anew: the documents are the same.
"""

import os

import dagster as dg

from idemflow import Project


@dg.asset(
    kinds={"nifi", "elasticsearch"},
    retry_policy=dg.RetryPolicy(max_retries=3, delay=30),
)
def people() -> dg.MaterializeResult:
    """Fails where a record was lost, doubled or refused; the counts are its metadata."""
    pipeline = Project(os.environ["IDEMFLOW_PROJECT"]).pipeline("people")
    run = pipeline.run().runs[-1]
    return dg.MaterializeResult(
        metadata={
            "created": run.created,
            "overwritten": run.overwritten,
            "deleted": run.deleted,
            "dagster/row_count": pipeline.verify().documents,
        }
    )


job = dg.define_asset_job("idemflow_people", selection=[people])
defs = dg.Definitions(
    assets=[people],
    jobs=[job],
    schedules=[dg.ScheduleDefinition(job=job, cron_schedule="0 2 * * *")],
)
