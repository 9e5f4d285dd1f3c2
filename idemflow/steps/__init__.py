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

from idemflow.pipeline import identity, manifest
from idemflow.steps import collect, dead_letter, identify, ledger_entry, replay, triage

# NiFi reads #{name} as a reference to a parameter, and ##{name} as the text #{name}.
_PARAMETER = re.compile(r"#+(?=\{)")


def collect_script(source: str, function: str, pipeline: str) -> str:
    """The script of the Collect step: the user's source first, so that line numbers agree.

    Args:
        source: text of the user's script.
        function: name of the generator function in it.
        pipeline: the pipeline's name.
    """
    call = f"collect(session, REL_SUCCESS, {function}, {pipeline!r})"
    return _escaped(source.rstrip("\n") + "\n\n\n" + _script([collect], call))


def identify_script(pipeline: str) -> str:
    """The script of the Identify step; reads the properties ``identity`` and ``index``."""
    call = (
        f"identify(session, REL_SUCCESS, REL_FAILURE, pipeline={pipeline!r}, "
        "fields=json.loads(identity.getValue()), index=index.getValue())"
    )
    return _escaped(_script([identity, manifest, ledger_entry, identify], call))


def triage_script(pipeline: str) -> str:
    """The script that sorts what Elasticsearch did not take."""
    call = f"triage(session, REL_SUCCESS, REL_FAILURE, pipeline={pipeline!r})"
    return _escaped(_script([manifest, ledger_entry, triage], call))


def dead_letter_script(pipeline: str) -> str:
    """The script that wraps refused records into dead letters."""
    return _escaped(_script([dead_letter], f"keep(session, REL_SUCCESS, pipeline={pipeline!r})"))


def replay_script(pipeline: str) -> str:
    """The script that unpacks dead letters that are sent again."""
    call = f"unpack_letters(session, REL_SUCCESS, REL_FAILURE, pipeline={pipeline!r})"
    return _escaped(_script([manifest, replay], call))


def _script(modules: list[ModuleType], call: str) -> str:
    """Modules and a call, in a function: their names cannot collide with the user's."""
    body = "\n\n".join(_source(module) for module in modules)
    step = textwrap.indent(f"{body}\n\n{call}\n", "    ")
    head = "# Below this line: idemflow's own step.\ndef _idemflow_step():\n"
    return f"{head}{step}\n\n_idemflow_step()\n"


def _source(module: ModuleType) -> str:
    """A module's source without its imports of other modules of idemflow (they stand above)."""
    lines = inspect.getsource(module).strip().splitlines()
    return "\n".join(line for line in lines if not line.startswith("from idemflow"))


def _escaped(script: str) -> str:
    return _PARAMETER.sub(lambda match: match.group() * 2, script)
