"""One run of the example for Dagster; what became of it, as JSON."""

import importlib
import json
import sys
from pathlib import Path

from dagster import DagsterInstance

job = importlib.import_module("dagster_job").defs.resolve_job_def("idemflow_people")
run = job.execute_in_process(instance=DagsterInstance.get(), raise_on_error=False)
(made,) = run.asset_materializations_for_node("people")
result = {name.removeprefix("dagster/"): found.value for name, found in made.metadata.items()}
told = {
    "state": "success" if run.success else "failed",
    "tries": 1 + run.retry_attempts_for_node("people"),
    "result": {"overwritten": result["overwritten"], "documents": result["row_count"]},
}
Path(sys.argv[1]).write_text(json.dumps(told))
