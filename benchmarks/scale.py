"""What a record costs as records become many: time, memory, disk.

``python -m benchmarks.scale [--quick] [--json] [--plot PATH]``

Loads 100,000, a million and ten million people of six fields through a pipeline, on servers of its
own: once alone, once watched by ``idemflow run``, which checks each record, and then compared by
``idemflow verify``. Each command runs in a process of its own, whose peak of memory is what the
kernel says.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from elasticsearch import Elasticsearch
from rich.console import Console
from rich.table import Table

from benchmarks.load_clients import connect, free_port, written
from benchmarks.report import PLOTS, explained
from idemflow.commands import up
from idemflow.config import settings
from idemflow.errors import IdemflowError

SIZES = (100_000, 1_000_000, 10_000_000)
_DEADLINE = 3600.0  # seconds for a load
_POLL = 0.25  # seconds; each answer costs Elasticsearch some milliseconds
_PEOPLE = Path(__file__).with_name("people.py")
_SCRIPT = """

def numbered(records: int):
    for start in range(0, records, 1000):
        for key, person in people(start, min(1000, records - start)):
            yield {"id": key, **person}
"""
_PIPELINE = """
pipeline: {name}
collect:
  script: scripts/numbered.py
  function: numbered
  arguments: {{records: {records}}}
identity: id
index: {{name: {name}, refresh: 10 s}}
load: {{batch: {batch}, tasks: 2, queue: 100000}}
schedule: 30 days
"""


@dataclass(frozen=True)
class Size:
    """What a load of so many records took.

    Attributes:
        records: how many.
        load_seconds: from the trigger until the last document was written, with nobody watching.
        run_seconds: from the trigger until ``idemflow run`` had judged each record.
        verify_seconds: how long ``idemflow verify`` took.
        idle_memory: bytes of a command that looks at the pipeline and nothing else.
        run_memory: peak bytes of ``idemflow run``.
        verify_memory: peak bytes of ``idemflow verify``.
        nifi_memory: NiFi's peak so far.
        elasticsearch_memory: Elasticsearch's peak so far.
        ledger_bytes: what the ledger grew by on disk, of the run that was watched.
    """

    records: int
    load_seconds: float
    run_seconds: float
    verify_seconds: float
    idle_memory: int
    run_memory: int
    verify_memory: int
    nifi_memory: int
    elasticsearch_memory: int
    ledger_bytes: int


@dataclass(frozen=True)
class _Finished:
    """A command that has ended: what it said, how long it took, its peak of memory in bytes."""

    said: dict[str, Any]
    seconds: float
    memory: int


class Project:
    """A project's folder with servers of its own.

    Args:
        folder: an empty folder that the servers' user may enter.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("flows", "scripts"):
            (folder / name).mkdir()
        source = _PEOPLE.read_text(encoding="utf-8") + _SCRIPT
        (folder / "scripts" / "numbered.py").write_text(source, encoding="utf-8")

    def pipeline(self, name: str, records: int, batch: int = 5000) -> None:
        """Write a pipeline that makes so many people, so many a FlowFile."""
        text = _PIPELINE.format(name=name, records=records, batch=batch)
        (self._folder / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> _Finished:
        """Run ``idemflow ... --json`` in a process of its own.

        Raises:
            IdemflowError: it failed.
        """
        command = [sys.executable, "-m", "idemflow", *arguments, "--json"]
        began = time.perf_counter()
        with (self._folder / "stderr").open("w+", encoding="utf-8") as errors:
            child = subprocess.Popen(
                command, cwd=self._folder, stdout=subprocess.PIPE, stderr=errors, text=True
            )
            assert child.stdout
            said = child.stdout.read()
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            if child.returncode:
                raise IdemflowError(f"{' '.join(command[2:])} failed: {errors.read() or said}")
        return _Finished(json.loads(said), time.perf_counter() - began, usage.ru_maxrss * 1024)


def measure(sizes: tuple[int, ...], console: Console) -> list[Size]:
    """Load each number of records, the smallest first.

    Args:
        sizes: the numbers.
        console: told how far it is.
    """
    with servers() as (project, client):
        _measure(project, client, 1_000)  # warms the servers up
        found = []
        for records in sizes:
            found.append(_measure(project, client, records))
            console.log(
                f"{records:,}: load {found[-1].load_seconds:.1f} s, with checks "
                f"{found[-1].run_seconds:.1f} s, verify {found[-1].verify_seconds:.1f} s, "
                f"{_mb(found[-1].verify_memory)}"
            )
        return found


def _measure(project: Project, client: Elasticsearch, records: int) -> Size:
    alone, watched = f"alone-{records}", f"watched-{records}"
    for name in (alone, watched):
        project.pipeline(name, records)
        project.run("deploy", name)
    load = load_alone(project, client, alone, records)
    before = _ledger_bytes(client)
    ran = project.run("run", watched)
    ended = time.time()
    verified = project.run("verify", watched)
    (only,) = ran.said["runs"]
    if only["created"] != records or only["lost"] or not verified.said["equal"]:
        raise IdemflowError(f"the run is not whole: {ran.said} {verified.said}")
    servers = {one["name"]: one["pid"] for one in project.run("status").said["servers"]}
    return Size(
        records=records,
        load_seconds=load,
        run_seconds=ended - _started(client, watched),
        verify_seconds=verified.seconds,
        idle_memory=project.run("deploy", watched, "--dry-run").memory,
        run_memory=ran.memory,
        verify_memory=verified.memory,
        nifi_memory=_peak(servers["nifi"]),
        elasticsearch_memory=_peak(servers["elasticsearch"]),
        ledger_bytes=_ledger_bytes(client) - before,
    )


def load_alone(project: Project, client: Elasticsearch, name: str, records: int) -> float:
    """Seconds of a run that nobody watches."""
    project.run("start", name)
    deadline = time.monotonic() + _DEADLINE
    while written(client, name) < records:
        if time.monotonic() > deadline:
            raise IdemflowError(f"{name}: not all documents were written in {_DEADLINE:.0f} s")
        time.sleep(_POLL)
    ended = time.time()
    project.run("stop", name)
    return ended - _started(client, name)


def _started(client: Elasticsearch, pipeline: str) -> float:
    """When a pipeline's only run was triggered."""
    client.indices.refresh(index="idemflow-runs")
    found = client.search(index="idemflow-runs", query={"term": {"pipeline": pipeline}}, size=1)
    return datetime.fromisoformat(found["hits"]["hits"][0]["_source"]["started"]).timestamp()


def _ledger_bytes(client: Elasticsearch) -> int:
    client.indices.flush(index="idemflow-*")
    stats = client.indices.stats(index="idemflow-*", metric="store")
    return int(stats["_all"]["primaries"]["store"]["size_in_bytes"])


def _peak(pid: int) -> int:
    """The peak of a process' resident bytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise IdemflowError(f"the kernel does not tell the memory of process {pid}")


@contextmanager
def servers(durability: str = "safe") -> Iterator[tuple[Project, Elasticsearch]]:
    """Servers of their own in a folder of their own, both gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="idemflow benchmark "))
    folder.chmod(0o755)  # the servers' user enters it
    toml = f'[settings]\ndurability = "{durability}"\n'
    (folder / "idemflow.toml").write_text(toml, encoding="utf-8")
    project = Project(folder)
    ports = {name: free_port() for name in ("nifi_port", "elasticsearch_port")}
    try:
        ready = up.up(settings.resolve({"project": str(folder), **ports}))
        with connect(ready.target.elasticsearch) as client:
            yield project, client
    finally:
        project.run("down", "--delete", "--yes")
        shutil.rmtree(folder, ignore_errors=True)


def ratios(found: list[Size]) -> dict[str, float]:
    """The figures that are judged, of the largest load."""
    least, tenth, most = found[0], found[-2], found[-1]
    return {
        "verify_memory_growth": most.verify_memory / tenth.verify_memory,
        "checks_share": (most.run_seconds - most.load_seconds) / most.load_seconds,
        "cost_growth": (most.run_seconds / most.records) / (least.run_seconds / least.records),
    }


def plot(found: list[Size], path: Path) -> None:
    """Draw what a record costs against how many there are."""
    from matplotlib.figure import Figure  # noqa: PLC0415 -- slow to import, needed only here

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    cost, memory = figure.subplots(1, 2)
    sizes = [one.records for one in found]
    for label, seconds in (
        ("load", [one.load_seconds for one in found]),
        ("with checks", [one.run_seconds for one in found]),
        ("verify", [one.verify_seconds for one in found]),
    ):
        spent = [1e6 * second / size for second, size in zip(seconds, sizes, strict=True)]
        cost.plot(sizes, spent, "o-", label=label)
    cost.set_ylabel("microseconds a record")
    for label, taken in (
        ("idemflow run", [one.run_memory for one in found]),
        ("idemflow verify", [one.verify_memory for one in found]),
    ):
        memory.plot(sizes, [size / 2**20 for size in taken], "o-", label=label)
    memory.set_ylabel("peak memory in MiB")
    for axes in (cost, memory):
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("records")
        axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _mb(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"


def _table(found: list[Size]) -> Table:
    table = Table(title="Loading, checking and verifying people of six fields")
    for name in ("records", "load/s", "with checks/s", "verify/s", "idemflow: idle", "run",
                 "verify", "NiFi", "Elasticsearch", "ledger bytes a document"):  # fmt: skip
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            f"{one.records:,}",
            *(
                f"{one.records / seconds:,.0f}"
                for seconds in (one.load_seconds, one.run_seconds, one.verify_seconds)
            ),
            *map(_mb, (one.idle_memory, one.run_memory, one.verify_memory)),
            *map(_mb, (one.nifi_memory, one.elasticsearch_memory)),
            f"{one.ledger_bytes / one.records:.1f}",
        )
    return table


@click.command()
@click.option("--quick", is_flag=True, help="Up to a million records, not ten.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--plot", "plot_path", type=click.Path(path_type=Path), default=PLOTS / "scale.png")
def main(quick: bool, as_json: bool, plot_path: Path) -> None:
    """What a record costs as records become many: time, memory, disk."""
    with explained():
        found = measure(SIZES[:2] if quick else SIZES, Console(stderr=True))
    plot(found, plot_path)
    judged = {name: round(ratio, 3) for name, ratio in ratios(found).items()}
    if as_json:
        click.echo(json.dumps({"sizes": [asdict(one) for one in found], "ratios": judged}))
        return
    Console().print(_table(found))
    for name, ratio in judged.items():
        click.echo(f"{name}: {ratio:.2f}")


if __name__ == "__main__":
    main()
