"""``python -m idemflow`` is the command ``idemflow``."""

from idemflow.cli import main

if __name__ == "__main__":
    main(prog_name="idemflow")
