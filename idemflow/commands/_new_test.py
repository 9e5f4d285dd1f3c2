"""The golden test of a new pipeline: a small sample of its data, and what becomes of it."""

from __future__ import annotations

import shutil
import zlib

from idemflow.commands.init import ProjectFile
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError, UsageError
from idemflow.pipeline.spec import Pipeline
from idemflow.preview import golden, result
from idemflow.preview.result import Document
from idemflow.sources.source import SAMPLE_BYTES

RECORDS = 5
# A function is called itself where it gives no more than so many, and the same each time.
_FEW = 20


def write(settings: Settings, pipeline: Pipeline) -> tuple[list[ProjectFile], str]:
    """Write the test of a pipeline, so that ``idemflow test`` passes.

    Args:
        settings: the resolved settings.
        pipeline: the pipeline.

    Returns:
        The files that were written, and what a person should know of them.
    """
    name = golden.place(pipeline.name)
    folder = settings.project / name
    if folder.exists():
        return [], f"{name} is there already, and is left as it is"
    try:
        sample = _sample(settings, pipeline)
        for file, content in sample.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        ran = golden.run(settings, pipeline, make=True)
        golden.keep(settings, ran)
    except (IdemflowError, OSError, EOFError, UnicodeError, zlib.error) as error:
        shutil.rmtree(folder, ignore_errors=True)
        return [], (
            f"no test was written: {error}. To make one, put some records into "
            f"{name}/{golden.RECORDS}, a JSON object a line: idemflow test {pipeline.name} --update"
        )
    made = [
        ProjectFile(one.relative_to(settings.project).as_posix(), "made")
        for one in sorted(folder.rglob("*"))
        if one.is_file()
    ]
    records = ran.documents + ran.refused
    what = f"the first {records} records" if records > 1 else "the first record"
    return made, (
        f"{name} has a copy of {what if sample else 'what the script gives'}, for idemflow test; "
        "it is to be committed: replace what is private (--no-test writes none)"
    )


def _sample(settings: Settings, pipeline: Pipeline) -> dict[str, bytes]:
    """The files of the sample; none where the source itself gives few records, always the same."""
    if (found := pipeline.collect.sample(settings, RECORDS)) is not None:
        name, content = found
        return {f"{golden.SAMPLE}/{name}": content}
    made = result.documents(settings, pipeline, most=_FEW + 1)
    if (
        pipeline.collect.generator is not None
        and 0 < len(made) <= _FEW
        and sum(len(one.text) for one in made) <= SAMPLE_BYTES
        and result.documents(settings, pipeline, most=_FEW + 1) == made
    ):
        return {}
    # What the source refuses itself is no record that could be given.
    texts = [one.text.encode() for one in made if isinstance(one, Document)][:RECORDS]
    while sum(map(len, texts)) > SAMPLE_BYTES:
        texts.pop()
    if not texts:
        raise UsageError("there is no record of up to 64 KB at the beginning")
    return {golden.RECORDS: b"".join(text + b"\n" for text in texts)}
