"""The copy of a pipeline that a proof runs: the same files, under another name and index.

The pipeline itself, its index and what its source remembers are not touched: a proof empties its
index before each try, since a loss cannot be seen where the documents of an earlier run are, and
one that fails leaves documents that are wrong.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.pipeline import files, spec, yaml_limits
from idemflow.pipeline.identity import Version
from idemflow.pipeline.model import DAY, RUN
from idemflow.pipeline.spec import Pipeline
from idemflow.prove.aging import FUNCTION, aged
from idemflow.security.owner import folder, servers_user, write_file

PREFIX = "proof-"
_NAME = 64


@dataclass(frozen=True)
class Copy:
    """A copy of a pipeline.

    Attributes:
        name: its name.
        settings: those of commands on it: its own project.
        servers: those that servers are started with: the user's own.
    """

    name: str
    settings: Settings
    servers: Settings

    @property
    def file(self) -> Path:
        """Its YAML."""
        return self.settings.project / "flows" / f"{self.name}.yaml"

    def describe(self, text: str) -> None:
        """Give it another description: the smallest change that a deployment has to make."""
        self._change(lambda data: data.update(description=text))

    def next_version(self, text: str) -> None:
        """What a next commit brings that changes no document: other scripts, another description.

        Args:
            text: goes into both.
        """
        self.describe(text)
        for script in self._scripts():
            write_file(script, f"{script.read_text(encoding='utf-8')}\n# {text}\n")

    def _scripts(self) -> list[Path]:
        pipeline = spec.load(self.settings.project, self.name)
        texts = spec.sources(self.settings.project, pipeline)
        named = [
            (pipeline.collect.call, texts.collect),
            (pipeline.transform, texts.transform),
        ]
        return [self.settings.project / one.script for one, text in named if one and text]

    @contextmanager
    def small_queues(self, flow_files: int) -> Iterator[None]:
        """Queues that are full at once, and a FlowFile for each document.

        Args:
            flow_files: at which a queue is full.
        """

        def small(data: Any) -> None:
            data.setdefault("load", {}).update(queue=flow_files, batch=1)

        with self._changed(small):
            yield

    @contextmanager
    def older(self, version: Version) -> Iterator[None]:
        """A source whose records have older versions.

        Args:
            version: the pipeline's version field.
        """
        pipeline = spec.load(self.settings.project, self.name)
        text = spec.sources(self.settings.project, pipeline).transform
        own = pipeline.transform
        name = f"{self.name}-before.py"
        write_file(
            self.settings.project / name, aged(version, (text or "", own.function) if own else None)
        )
        transform = {"script": name, "function": FUNCTION}
        with self._changed(lambda data: data.update(transform=transform)):
            yield

    @contextmanager
    def _changed(self, change: Any) -> Iterator[None]:
        text = self.file.read_text(encoding="utf-8")
        self._change(change)
        try:
            yield
        finally:
            write_file(self.file, text)

    def _change(self, change: Any) -> None:
        yaml = YAML(typ="rt")
        data = yaml.load(self.file.read_text(encoding="utf-8"))
        change(data)
        out = io.StringIO()
        yaml.dump(data, out)
        write_file(self.file, out.getvalue())


def name_of(pipeline: Pipeline) -> str:
    """The name of a pipeline's copy.

    Raises:
        UsageError: the pipeline cannot be proved.
    """
    name, index = pipeline.name, pipeline.index.name
    problem = ""
    if pipeline.snapshot:
        problem = "is `mode: snapshot`, of which each run has an index of its own"
    elif RUN in index or DAY in index:
        problem = f"has an index per run or day ({index})"
    elif len(PREFIX + name) > _NAME:
        problem = f"has a name of more than {_NAME - len(PREFIX)} letters"
    if problem:
        raise UsageError(
            f"the pipeline {name!r} {problem}: prove does not judge that",
            next_command=f"idemflow run {name} --times 3 && idemflow verify {name}",
        )
    return PREFIX + name


def make(settings: Settings, pipeline: Pipeline) -> Copy:
    """Write the files of a pipeline's copy.

    What its YAML names relative to the project is found beside it: all but ``flows`` and the
    scripts are links to what the project has.
    """
    name = name_of(pipeline)
    owner = servers_user(settings.home, settings.run_as_user)
    mode = 0o700 if owner.is_self else 0o711
    folder(settings.folders.proofs, mode)
    project = settings.folders.proofs / "projects" / pipeline.name
    shutil.rmtree(project, ignore_errors=True)
    for made in (project.parent, project, project / "flows"):
        folder(made, mode)
    texts = spec.sources(settings.project, pipeline)
    call, transform = pipeline.collect.call, pipeline.transform
    scripts = {
        **({call.script: texts.collect} if call else {}),
        **({transform.script: texts.transform} if transform else {}),
    }
    for script, text in scripts.items():
        (project / script).parent.mkdir(parents=True, exist_ok=True)
        write_file(project / script, text or "")
    own = {".git", "flows", settings.home.name, *(Path(script).parts[0] for script in scripts)}
    for entry in settings.project.iterdir():
        if entry.name not in own:
            (project / entry.name).symlink_to(entry)
    # No version of a copy is kept: git takes it for a part of no repository, wherever it lies.
    (project / ".git").write_text("gitdir: none\n", encoding="ascii")
    chosen = {"project": project, "flow_repository": None}
    copy = Copy(name, settings.model_copy(update=chosen), settings)
    text = files.read_text(settings.project, f"flows/{pipeline.name}.yaml", yaml_limits.BYTES)
    write_file(copy.file, text)

    def renamed(data: Any) -> None:
        data["pipeline"] = name
        data["index"]["name"] = PREFIX + pipeline.index.name
        data["index"].pop("shared", None)
        for field in ("schedule", "expect", "prune"):  # which are about the pipeline itself
            data.pop(field, None)

    copy._change(renamed)
    return copy


def delete(copy: Copy) -> None:
    """Delete the files."""
    shutil.rmtree(copy.settings.project, ignore_errors=True)
