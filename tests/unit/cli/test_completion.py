"""The shell completes commands and options."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from idemflow.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_prints_a_script(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert f"_IDEMFLOW_COMPLETE={shell}_complete" in done.output


def test_bash_completes_with_it() -> None:
    """Bash itself calls the function that the script defines."""
    program = Path(sys.executable).with_name("idemflow")
    done = subprocess.run(
        ["bash", "-c", f'eval "$({program} completion bash)"\n'
         "COMP_WORDS=(idemflow ver) COMP_CWORD=1\n"
         f"_idemflow_completion {program}; echo ${{COMPREPLY[@]}}"],
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["verify"], done.stderr
