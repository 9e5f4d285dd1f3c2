"""The beginning of a file, as a small file of the same kind: what a test of a pipeline reads."""

from __future__ import annotations

import gzip
import io
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, Literal

from idemflow.sources.files.csv import read_csv
from idemflow.sources.files.formats import decoded, read_json
from idemflow.sources.source import SAMPLE_BYTES


def beginning(
    file: Path, form: Literal["csv", "ndjson", "json"], csv: dict[str, Any], records: int
) -> bytes | None:
    """The first records of a file, 64 KB at most; CSV and JSON lines are as the file has them.

    Args:
        file: the file; one that ends with ``.gz`` is unpacked, and what is returned is packed.
        form: what is in it.
        csv: the arguments of :func:`read_csv`.
        records: how many.

    Returns:
        ``None`` where the first record alone is longer than 64 KB.

    Raises:
        OSError, EOFError, zlib.error, ValueError: it cannot be read.
    """
    packed = file.name.endswith(".gz")
    with gzip.open(file) if packed else file.open("rb") as stream:
        # A character of UTF-16 has two bytes or four.
        head = stream.read(SAMPLE_BYTES)
        whole = not stream.read(1)
    if form == "csv":
        found = _rows(head, csv, records, whole=whole)
    elif form == "ndjson":
        lines = io.BytesIO(head).readlines()
        some = (one for one in (lines if whole else lines[:-1]) if one.strip())
        found = b"".join(islice(some, records))
    else:
        read = takewhile(lambda one: one[2] is None, read_json(io.BytesIO(head)))
        texts = [str(text) for _, text, _ in islice(read, records)]
        joined = ",\n".join(texts)
        found = f"[\n{joined}\n]\n".encode() if texts else b""
    if not found:
        return None
    return gzip.compress(found, mtime=0) if packed else found


def _rows(head: bytes, csv: dict[str, Any], records: int, *, whole: bool) -> bytes:
    """The header and the first rows, where rows may have several lines."""
    starts = [at for at, _, _ in islice(read_csv(io.BytesIO(head), **csv), records + 1)]
    if len(starts) <= records and whole:
        return head
    # The last one that was read is one too many, or has no end.
    encoding = csv["encoding"]
    with decoded(io.BytesIO(head), encoding) as text:
        lines = "".join(islice(text, starts[-1] - 1)) if len(starts) > 1 else ""
    return lines.encode(encoding, "surrogateescape")
