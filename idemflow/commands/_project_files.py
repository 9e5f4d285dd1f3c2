"""The texts of a new project's files."""

from __future__ import annotations

import idemflow

_SETTINGS = """\
# Settings of this project; docs/operating.md lists them all. Environment variables
# (IDEMFLOW_NIFI_PORT, ...) and options of a command come before this file. It is committed:
# no password belongs in it.

[settings]
# nifi_port = 8443
# elasticsearch_port = 9200

# A database that pipelines read, by the name that their YAML says:
# [databases.shop]
# url = "jdbc:postgresql://db.example.com/shop"
# username = "reader"
# password_env = "SHOP_PASSWORD"
"""

_REQUIREMENTS = """\
# What the scripts in scripts/ import, beside Python's own library; one package a line, pinned:
# pandas==2.3.3
#
# `idemflow up` installs them for NiFi and for `idemflow preview` and `test`, and writes all their
# versions into idemflow.lock, which is committed. After a change: idemflow down && idemflow up
"""

_GIT_IGNORE = """\
/.idemflow/
/.venv/
__pycache__/
.env
*.password
"""

_CI = """\
# Checks and tests all pipelines, runs each twice on servers of its own, and compares what was sent
# with the index.
name: pipelines
on: [push, pull_request]
jobs:
  pipelines:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.12"}
      - uses: actions/cache@v4
        with: {path: ~/.cache/idemflow, key: "idemflow-$version"}
      - run: pip install idemflow==$version
      - run: idemflow up
      - run: idemflow check
      - name: Test, where there are tests
        run: test -z "$$(ls tests/*/expected.ndjson 2>/dev/null)" || idemflow test
      - name: Run and verify
        shell: bash
        run: |
          shopt -s nullglob
          for flow in flows/*.yaml; do
            name=$$(basename "$$flow" .yaml)
            idemflow run "$$name" --times 2
            idemflow verify "$$name"
          done
"""

_README = """\
# Pipelines

Records go into Elasticsearch through Apache NiFi, each under an id of its own: run, rerun, replay
or crash, and the result is the same.

    idemflow new NAME --from FILE.csv    # look at the data, write flows/NAME.yaml and a test
    idemflow test NAME                   # what its sample becomes, without any server
    idemflow up                          # start NiFi and Elasticsearch
    idemflow run NAME                    # run it; `idemflow verify NAME` compares what was sent

`--from` takes .ndjson, .json, a script or `postgresql://... --table T` as well. `idemflow` alone
says what is the case, and what to run next.

| | |
|---|---|
| `flows/` | a YAML file a pipeline |
| `scripts/` | the Python that makes or changes records |
| `tests/` | what the pipelines are tested with |
| `requirements.txt` | the packages that the scripts import; their versions are in `idemflow.lock` |
| `idemflow.toml` | settings, and the databases that are read |
"""

FILES = {
    "README.md": _README,
    "idemflow.toml": _SETTINGS,
    "requirements.txt": _REQUIREMENTS,
    ".gitignore": _GIT_IGNORE,
    ".github/workflows/pipelines.yml": _CI.replace("$version", idemflow.__version__).replace(
        "$$", "$"
    ),
    # git keeps no empty folder.
    "flows/.gitkeep": "",
    "scripts/.gitkeep": "",
    "tests/.gitkeep": "",
}
