"""A recorded terminal session: what commands print, as a picture for the documentation."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.integration.documented import in_shell
from tests.integration.tools import Result

WIDTH = 100
# What rich's own picture asks a server for fonts; a reader's browser has one.
_FONTS = re.compile(r"@font-face \{[^}]*\}\s*")


class Terminal:
    """Runs commands and keeps what a terminal would show of them."""

    def __init__(self) -> None:
        self._shown: list[Text] = []

    def run(self, text: str, folder: Path, environment: Mapping[str, str]) -> Result:
        """Run a command as a shell does; both outputs are one, in the order they came."""
        # So wide that no line is broken before the folder's name is another.
        colours = {"FORCE_COLOR": "1", "TTY_INTERACTIVE": "0", "COLUMNS": "300"}
        done = in_shell(f"exec 2>&1\n{text}", folder, {**environment, **colours})
        self._shown.append(Text.assemble(("$ ", "bold green"), (text, "bold")))
        shown = Text.from_ansi(_as_by_default(done.stdout, folder))
        self._shown += [line for line in shown.split() if line.plain.strip()]
        return Result(done.code, Text.from_ansi(done.stdout).plain, "")

    def picture(self, title: str) -> str:
        """An SVG that needs no network."""
        console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
        for line in self._shown:
            line.rstrip()
            console.print(line)
        svg = console.export_svg(title=title, unique_id="terminal")
        return "\n".join(one.rstrip() for one in _FONTS.sub("", svg).splitlines()) + "\n"


def _as_by_default(text: str, folder: Path) -> str:
    """What was printed, with the folder and the ports of a reader in place of a test's."""
    text = text.replace(str(folder), "~/idemflow")
    text = re.sub(r"localhost:\d+/nifi", "localhost:8443/nifi", text)
    return re.sub(r"(Elasticsearch: https://localhost:)\d+", r"\g<1>9200", text)


def text_of(svg: str) -> str:
    """What a picture of a terminal says."""
    body = re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", "", body)).replace("\N{NO-BREAK SPACE}", " ")
