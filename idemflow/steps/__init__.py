"""The Python steps of a pipeline, and how they become the scripts of ExecuteScript.

A step is an ordinary module here, tested and type-checked like any other. On the canvas it is the
Script Body of an ExecuteScript: whole, with nothing to install, so that the same flow runs on any
NiFi that has the Python engine, and on each node of a cluster.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from types import ModuleType

from idemflow.steps import (
    chunks,
    collect,
    dead_letter,
    file_csv,
    file_formats,
    file_search,
    files,
    identify,
    ledger_entry,
    records,
    replay,
    sql,
    triage,
)
from idemflow.steps import transform as transform_step
from idemflow.steps.rules import identity, manifest, positions, version

# NiFi reads #{name} as a reference to a parameter, and ##{name} as the text #{name}.
_PARAMETER = re.compile(r"#+(?=\{)")

# Above a module in a script stand the modules that it imports.
_OWN_IMPORT = re.compile(r"^from idemflow[\w.]* import (?:\([^)]*\)|[^\n(]*)\n", re.MULTILINE)

_SCOPE = "from org.apache.nifi.components.state import Scope"
RECORDS_A_FLOW_FILE = chunks.RECORDS_A_FLOW_FILE
COLLECT = (positions, records, chunks)
FILES = (positions, chunks, file_formats, file_csv, file_search)
IDENTIFY = (identity, version, positions, manifest, records, ledger_entry)


def collect_script(
    source: str, function: str, pipeline: str, *, batch: int = chunks.RECORDS_A_FLOW_FILE
) -> str:
    """The script of the Collect step: the user's source first, so that line numbers agree.

    Args:
        source: text of the user's script.
        function: name of the generator function in it.
        pipeline: the pipeline's name.
        batch: records in one FlowFile, at most.
    """
    call = f"collect(session, REL_SUCCESS, {function}, pipeline={pipeline!r}, batch={batch})"
    return _script([*COLLECT, collect], call, source)


def files_script(pipeline: str, *, batch: int = chunks.RECORDS_A_FLOW_FILE) -> str:
    """The script of the Collect step of files.

    It reads the properties ``directory``, ``pattern``, ``format``, ``quiet`` (seconds), ``csv``
    (options as JSON) and ``remember`` (``true`` or ``false``).

    Args:
        pipeline: the pipeline's name.
        batch: records in one FlowFile, at most.
    """
    call = (
        "value = lambda name: context.getProperty(name).getValue()\n"
        f"collect_files(session, REL_SUCCESS, scope=Scope.LOCAL, pipeline={pipeline!r}, "
        'directory=value("directory"), pattern=value("pattern"), file_format=value("format"), '
        'quiet_seconds=float(value("quiet")), csv_options=json.loads(value("csv")), '
        f'batch={batch}, remember=json.loads(value("remember")))'
    )
    return _script([*FILES, files], f"{_SCOPE}\n{call}")


def plan_script() -> str:
    """The script of the step before an incremental read of a database.

    It reads the properties ``condition``, ``kind`` and ``overlap``.
    """
    call = (
        "plan(session, REL_SUCCESS, Scope.CLUSTER, condition=condition.getValue(), "
        "kind=kind.getValue(), overlap=float(overlap.getValue()))"
    )
    return _script([positions, chunks, sql], f"{_SCOPE}\n{call}")


def rows_script(pipeline: str) -> str:
    """The script of the step behind the read of a database.

    It reads the properties ``rows`` and ``origin``; ``column`` and ``kind`` where the read is
    incremental.

    Args:
        pipeline: the pipeline's name.
    """
    call = (
        f"collect_rows(session, REL_SUCCESS, REL_FAILURE, pipeline={pipeline!r}, "
        "origin=origin.getValue(), rows=int(rows.getValue()), "
        'column=context.getProperty("column").getValue(), '
        'kind=context.getProperty("kind").getValue())'
    )
    return _script([positions, chunks, sql], call)


def identify_script(pipeline: str, *, batch: bool, transform: tuple[str, str] | None = None) -> str:
    """The script of the Identify step.

    It reads the properties ``index`` (text), ``identity``, ``version`` and ``delete`` (rules as
    JSON; the last two may be missing).

    Args:
        pipeline: the pipeline's name.
        batch: whether a FlowFile of documents is a batch of JSON lines, or one document each.
        transform: text of the user's script and the function in it, which is called with each
            record.
    """
    source, function = transform or ("", None)
    call = (
        f"identify(session, REL_SUCCESS, REL_FAILURE, pipeline={pipeline!r}, "
        'index=context.getProperty("index").getValue(), identity=rule(context, "identity"), '
        'version=rule(context, "version"), delete=rule(context, "delete"), '
        f"batch={batch}, transform={function})"
    )
    return _script([*IDENTIFY, transform_step, identify], call, source)


def triage_script(pipeline: str, batch: bool) -> str:
    """The script that sorts what Elasticsearch did not take.

    Args:
        pipeline: the pipeline's name.
        batch: whether documents come as lines of a batch.
    """
    call = f"triage(session, REL_SUCCESS, REL_FAILURE, pipeline={pipeline!r}, batch={batch})"
    return _script([manifest, positions, ledger_entry, triage], call)


def dead_letter_script(pipeline: str) -> str:
    """The script that wraps refused records into dead letters."""
    return _script([positions, dead_letter], f"keep(session, REL_SUCCESS, pipeline={pipeline!r})")


def replay_script(pipeline: str) -> str:
    """The script that unpacks dead letters that are sent again."""
    call = f"unpack_letters(session, REL_SUCCESS, REL_FAILURE, pipeline={pipeline!r})"
    return _script([manifest, replay], call)


def _script(modules: list[ModuleType], call: str, source: str = "") -> str:
    """The user's source, then modules and a call in a function: names cannot collide."""
    body = "\n\n".join(_source(module) for module in modules)
    step = textwrap.indent(f"{body}\n\n{call}\n", "    ")
    head = "# Below this line: idemflow's own step.\ndef _idemflow_step():\n"
    own = f"{head}{step}\n\n_idemflow_step()\n"
    return _escaped(source.rstrip("\n") + "\n\n\n" + own if source else own)


def _source(module: ModuleType) -> str:
    return _OWN_IMPORT.sub("", inspect.getsource(module).strip())


def _escaped(script: str) -> str:
    return _PARAMETER.sub(lambda match: match.group() * 2, script)
