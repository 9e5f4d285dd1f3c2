"""``idemflow drift``: whether the canvas is what git and the YAML say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idemflow.canvas import process_groups, versions
from idemflow.canvas.arrangement import is_arrangement
from idemflow.canvas.difference import Change
from idemflow.commands import deploy
from idemflow.commands._each import Each, each
from idemflow.commands.flow import base as version
from idemflow.config.settings import Settings
from idemflow.pipeline import spec


@dataclass(frozen=True)
class Drift:
    """How a pipeline on the canvas differs from its files.

    Attributes:
        pipeline: its name.
        deployed: whether it is on the canvas; if not, that is drift, too.
        version: title of the version that it was compared with; ``None`` without version control,
            or when git was left out.
        yaml: whether it was compared with the YAML.
        from_git: what differs from that version; before is git, after is the canvas.
        from_yaml: what differs from the YAML and its scripts; before is the canvas.
    """

    pipeline: str
    deployed: bool
    version: str | None
    yaml: bool
    from_git: list[Change]
    from_yaml: list[Change]

    @property
    def found(self) -> bool:
        """Whether there is any; what was compared with nothing is not known to be right."""
        return not (self.deployed and self.compared) or bool(self.from_git or self.from_yaml)

    @property
    def compared(self) -> bool:
        """Whether there was something to compare it with."""
        return self.yaml or self.version is not None

    @property
    def way_out(self) -> str:
        """The commands that end it."""
        name = self.pipeline
        if not self.deployed:
            return f"idemflow deploy {name}"
        if not self.compared:
            return f'idemflow flow commit {name} -m "..."'
        if self.version and not self.from_git:
            return f"say the same in flows/{name}.yaml; idemflow deploy {name} discards it"
        return (
            f'idemflow flow commit {name} -m "..." keeps the canvas, '
            f"idemflow deploy {name} --force discards it"
        )


def drift(
    settings: Settings,
    name: str | None,
    progress: Callable[[str], None],
    *,
    git: bool = True,
    yaml: bool = True,
) -> Each[Drift]:
    """Compare one pipeline, or all that are on the canvas; changes nothing.

    Args:
        settings: the resolved settings.
        name: the pipeline, or ``PIPELINE@REV`` to compare with that version; ``None`` for all.
        progress: told what happens.
        git: compare with git.
        yaml: compare with the YAML.
    """
    if name is not None:
        pipeline, _, revision = name.partition("@")
        return Each([_drift(settings, pipeline, revision, progress, git=git, yaml=yaml)])
    version.connect(settings)
    there = [one for one in spec.names(settings.project) if process_groups.find(one)]
    return each(there, lambda one: _drift(settings, one, "", progress, git=git, yaml=yaml))


def _drift(
    settings: Settings,
    name: str,
    revision: str,
    progress: Callable[[str], None],
    *,
    git: bool,
    yaml: bool,
) -> Drift:
    if yaml:
        spec.load(settings.project, name)
    else:
        version.check_name(settings, name)
    progress(f"compare {name}")
    version.connect(settings)
    if process_groups.find(name) is None:
        return Drift(name, False, None, yaml, [], [])
    title, from_git = None, list[Change]()
    if git:
        title, from_git = _from_git(settings, name, revision)
    from_yaml = deploy.deploy(settings, name, progress, dry_run=True).changes if yaml else []
    return Drift(name, True, title, yaml, from_git, from_yaml)


def _from_git(settings: Settings, name: str, revision: str) -> tuple[str | None, list[Change]]:
    if not revision and versions.control_info(process_groups.find_id(name)) is None:
        return None, []
    store = version.open_repository(settings, name)
    wanted = store.resolve(name, revision) if revision else version.on_canvas(store, name)
    found = version.changes_since(store, name, wanted)
    return wanted.title, [one for one in found if not is_arrangement(one)]
