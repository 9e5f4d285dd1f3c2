"""Which pipelines a project has.

Apart from what reads them, which takes long to import: ``down`` and the overview need this alone.
"""

from __future__ import annotations

from pathlib import Path

from idemflow.sources.fields import check_name


def names(project: Path) -> list[str]:
    """The names of the pipelines of a project, sorted; a file may have another name as well."""
    found = (path.stem for path in (project / "flows").glob("*.yaml"))
    return sorted(name for name in found if _is_name(name))


def is_there(project: Path, name: str) -> bool:
    """Whether a project has the file of a pipeline, whatever is in it."""
    return _is_name(name) and (project / "flows" / f"{name}.yaml").is_file()


def _is_name(text: str) -> bool:
    try:
        check_name(text)
    except ValueError:
        return False
    return True
