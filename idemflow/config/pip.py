"""How pip is called for the Python that runs idemflow."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def pip(arguments: str) -> str:
    """A command for a person to type.

    The shell's ``pip`` may be that of another Python: pipx brings none, and an environment that is
    not activated is not looked into.

    Args:
        arguments: for the shell, e.g. ``"install 'idemflow[demo]'"``.
    """
    own, found = Path(sys.executable).with_name("pip"), shutil.which("pip")
    same = found and own.exists() and own.samefile(found)
    return f"{'pip' if same else f'{shlex.quote(sys.executable)} -m pip'} {arguments}"
