"""The folder of a proof: its journal, and what is drawn of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.prove import journal as journals
from idemflow.prove.journal import Journal
from idemflow.prove.junit import junit
from idemflow.prove.page import page, pages
from idemflow.security.owner import folder, write_file

JOURNAL, JUNIT, PAGE = "journal.json", "junit.xml", "report.html"


def make(settings: Settings, pipeline: str, given: Path | None) -> Path:
    """Make the folder.

    Args:
        settings: the resolved settings.
        pipeline: the pipeline's name.
        given: where the user wants it; by default it is in the runtime's folder.

    Raises:
        UsageError: it cannot be made.
    """
    # A group of the user's own may have any name.
    name = re.sub(r"[^\w.-]", "-", pipeline).lstrip(".") or "proof"
    made = given or settings.folders.proofs / "journals" / f"{name}-{datetime.now():%Y%m%dT%H%M%S}"
    try:
        if given is None:
            folder(made, 0o700)
        else:
            made.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--report {made}: {error.strerror}") from error
    return made


def write(journal: Journal, at: Path) -> None:
    """Write all of it, each file 0600: a journal may name ids.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        journals.write(journal, at / JOURNAL)
        write_file(at / JUNIT, junit(journal))
        write_file(at / PAGE, page(journal))
    except OSError as error:
        raise UsageError(f"{at} cannot be written: {error.strerror}") from error


def write_page(journals: Sequence[Journal], file: Path) -> None:
    """Write one page of several proofs, 0600.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        write_file(file, pages(journals))
    except OSError as error:
        raise UsageError(f"--page {file}: {error.strerror}") from error
