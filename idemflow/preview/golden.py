"""Golden tests of a pipeline: what a sample becomes, kept in files that a person reads.

In the project's ``tests/NAME/``:

- ``sample.ndjson``: records as the source gives them, a JSON object a line; or
- ``sample/``: files, for a source that reads a folder; or neither, for a source that is a function:
  it is called, with ``arguments.json`` in place of the YAML's arguments of these names.
- ``expected.ndjson``: what comes of it, a line each, in the order of the source::

      {"id": "1", "version": 5, "document": {"id": 1, "seq": 5}}
      {"id": "2", "version": 6, "delete": true}
      {"refused": "the identity field 'id' is missing or null", "step": "Identify", "record": {}}

  The version is there where the pipeline has a version field: that of a file is its time.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from idemflow.config.settings import Settings
from idemflow.errors import PipelineError
from idemflow.pipeline import files
from idemflow.pipeline.spec import Pipeline
from idemflow.preview import result
from idemflow.preview.result import Document, Refusal

FOLDER, EXPECTED, RECORDS, SAMPLE, ARGUMENTS = (
    "tests", "expected.ndjson", "sample.ndjson", "sample", "arguments.json",
)  # fmt: skip
# A test is read by people: so many records, and so many bytes of a file of it.
MOST = 10_000
_BYTES = 16 << 20


@dataclass(frozen=True)
class Golden:
    """What became of the test of a pipeline.

    Attributes:
        pipeline: the pipeline's name.
        state: whether the sample becomes what is expected; ``new``: nothing is expected yet;
            ``none``: there is no test.
        documents: how many documents it becomes.
        refused: how many records are refused.
        difference: lines of a unified diff from what is expected to what is there.
        found: what is there, as the file has it.
    """

    pipeline: str
    state: Literal["same", "differs", "new", "none"]
    documents: int = 0
    refused: int = 0
    difference: tuple[str, ...] = ()
    found: str = ""


def place(pipeline: str) -> str:
    """The folder of a pipeline's test, in the project."""
    return f"{FOLDER}/{pipeline}"


def run(settings: Settings, pipeline: Pipeline, *, make: bool = False) -> Golden:
    """Run the test of a pipeline.

    Args:
        settings: the resolved settings.
        pipeline: the pipeline.
        make: run it where there is none yet, too.

    Raises:
        PipelineError: its files cannot be read, or a script or the source fails.
        UsageError: the source gives nothing without NiFi, and there is no sample.
    """
    name, folder = pipeline.name, settings.project / place(pipeline.name)
    if not folder.is_dir() and not make:
        return Golden(name, "none")
    made = _documents(settings, pipeline, folder)
    found = "".join(f"{_line(one, versions=pipeline.version is not None)}\n" for one in made)
    refused = sum(isinstance(one, Refusal) for one in made)
    counts = len(made) - refused, refused
    if not (folder / EXPECTED).is_file():
        return Golden(name, "new", *counts, tuple(_difference(name, "", found)), found)
    expected = _read(settings.project, f"{place(name)}/{EXPECTED}")
    if [*map(_canonical, expected.splitlines())] == [*map(_canonical, found.splitlines())]:
        return Golden(name, "same", *counts, found=found)
    return Golden(name, "differs", *counts, tuple(_difference(name, expected, found)), found)


def keep(settings: Settings, golden: Golden) -> Path:
    """Write what was found as what is expected.

    Returns:
        The file.
    """
    file = settings.project / place(golden.pipeline) / EXPECTED
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(golden.found, encoding="utf-8")
    return file


def _documents(settings: Settings, pipeline: Pipeline, folder: Path) -> list[Document | Refusal]:
    local, records, arguments = None, None, None
    if (folder / RECORDS).is_file():
        text = _read(settings.project, f"{place(pipeline.name)}/{RECORDS}")
        records = "\n".join(line for line in text.splitlines() if line.strip()).encode()
    elif (folder / SAMPLE).is_dir():
        local = pipeline.collect.local(settings, MOST, folder / SAMPLE)
    elif pipeline.collect.generator is None:
        raise PipelineError(
            f"{place(pipeline.name)}/{RECORDS}",
            "is missing: its source is no function, so that a test needs a sample",
            next_command=f"put some records into {place(pipeline.name)}/{RECORDS}, a JSON object "
            f"a line, then: idemflow test {pipeline.name} --update",
        )
    elif (folder / ARGUMENTS).is_file():
        arguments = _arguments(settings, pipeline)
    return result.documents(
        settings, pipeline, most=MOST, local=local, records=records, arguments=arguments
    )


def _arguments(settings: Settings, pipeline: Pipeline) -> dict[str, Any]:
    file = f"{place(pipeline.name)}/{ARGUMENTS}"
    try:
        given = json.loads(_read(settings.project, file))
    except ValueError as error:
        raise PipelineError(file, f"is not JSON: {error}") from None
    known = pipeline.collect.run_arguments
    if not isinstance(given, dict) or given.keys() - known.keys():
        raise PipelineError(
            file, f"must be an object with values for arguments of the pipeline: {', '.join(known)}"
        )
    return given


def _line(one: Document | Refusal, *, versions: bool) -> str:
    if isinstance(one, Refusal):
        record: Any = one.text
        try:
            json.loads(record)
        except ValueError:
            record = json.dumps(record, ensure_ascii=False)
        said = {"refused": one.reason, "step": one.step}
        return f'{json.dumps(said, ensure_ascii=False)[:-1]}, "record": {record}}}'
    known: dict[str, Any] = {"id": one.id}
    if versions:
        known["version"] = one.version
    start = json.dumps(known, ensure_ascii=False)[:-1]
    # As it is: a number keeps all of its digits.
    return start + (', "delete": true}' if one.deleted else f', "document": {one.text}}}')


def _canonical(line: str) -> str:
    """A line, whatever the order of its fields and its blanks."""
    try:
        read = json.loads(line, parse_float=lambda text: f"\0{text}")
    except ValueError:
        return line
    return json.dumps(read, sort_keys=True)


def _difference(name: str, expected: str, found: str) -> list[str]:
    before, after = expected.splitlines(), found.splitlines()
    file = f"{place(name)}/{EXPECTED}"
    return list(difflib.unified_diff(before, after, file, "found now", lineterm="", n=1))


def _read(project: Path, file: str) -> str:
    try:
        return files.read_text(project, file, _BYTES)
    except (OSError, ValueError) as error:
        raise PipelineError(file, f"cannot be read: {files.reason(error)}") from error
