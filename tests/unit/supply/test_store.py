"""Downloads against a real HTTP server that behaves badly on purpose."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from idemflow.config.paths import resources
from idemflow.errors import SupplyError
from idemflow.servers import elasticsearch
from idemflow.supply import bundle
from idemflow.supply.artifacts import Coordinate, Lock, Locked, read_lock
from idemflow.supply.modules import read_modules
from idemflow.supply.progress import Silent
from idemflow.supply.store import Store
from tests.serving import serving

ONE = Coordinate("org.example", "one", "1.0")
TWO = Coordinate("org.example", "two", "2.0", "nar")
CONTENT = {"one-1.0.jar": os.urandom(400_000), "two-2.0.nar": os.urandom(1000)}


@dataclass
class Repository:
    """A Maven repository on loopback.

    Attributes:
        url: its address.
        ranges: the ``Range`` header of each request, by file.
        cut: break the connection of the next answers after so many bytes, by file.
        damaged: files that are served with a wrong byte, so many times.
        ranged: whether ranges are honoured.
    """

    url: str = ""
    ranges: list[tuple[str, str | None]] = field(default_factory=list)
    cut: dict[str, list[int]] = field(default_factory=dict)
    damaged: dict[str, int] = field(default_factory=dict)
    ranged: bool = True


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    behaviour = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            wanted = self.headers.get("Range")
            behaviour.ranges.append((name, wanted))
            if name not in CONTENT:
                self.send_error(404)
                return
            data = CONTENT[name]
            start = 0
            if wanted and behaviour.ranged:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if behaviour.damaged.get(name, 0) > 0:
                behaviour.damaged[name] -= 1
                data = data[:-1] + bytes([data[-1] ^ 1])
            self.send_response(206 if wanted and behaviour.ranged else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            cuts = behaviour.cut.get(name)
            end = cuts.pop(0) if cuts else len(data)
            self.wfile.write(data[start:end])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    behaviour.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(server):
        yield behaviour


@pytest.fixture
def lock() -> Lock:
    files = {
        c: Locked(len(CONTENT[c.file_name]), hashlib.sha256(CONTENT[c.file_name]).hexdigest())
        for c in (ONE, TWO)
    }
    files[Coordinate("org.example", "gone", "1.0")] = Locked(1, "0" * 64)
    return Lock("2.3.0", (), (), (), (), "8", ONE, ONE, files, Path("artifacts.toml"))


def fetch(repository: Repository, lock: Lock, cache: Path, *wanted: Coordinate) -> dict[str, bytes]:
    files = Store(cache, repository.url, pause=0).fetch(lock, wanted, Silent())
    return {path.name: path.read_bytes() for path in files.values()}


def test_fetches_once(repository: Repository, lock: Lock, tmp_path: Path) -> None:
    assert fetch(repository, lock, tmp_path, ONE, TWO) == CONTENT
    asked = len(repository.ranges)
    assert fetch(repository, lock, tmp_path, ONE, TWO) == CONTENT
    assert len(repository.ranges) == asked
    assert (tmp_path / "maven/org/example/one/1.0/one-1.0.jar").stat().st_mode & 0o777 == 0o644


def test_needs_no_network_when_warm(repository: Repository, lock: Lock, tmp_path: Path) -> None:
    fetch(repository, lock, tmp_path, ONE)
    nowhere = Store(tmp_path, "http://127.0.0.1:9", pause=0)
    assert nowhere.fetch(lock, [ONE], Silent())[ONE].read_bytes() == CONTENT["one-1.0.jar"]


def test_goes_on_after_a_broken_connection(
    repository: Repository, lock: Lock, tmp_path: Path
) -> None:
    repository.cut["one-1.0.jar"] = [150_000]
    assert fetch(repository, lock, tmp_path, ONE) == {"one-1.0.jar": CONTENT["one-1.0.jar"]}
    first, second = repository.ranges
    assert first[1] is None
    assert second[1] is not None
    assert second[1] != "bytes=0-"


def test_goes_on_with_a_half_file_of_before(
    repository: Repository, lock: Lock, tmp_path: Path
) -> None:
    part = tmp_path / "maven/org/example/one/1.0/one-1.0.jar.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT["one-1.0.jar"][:300_000])
    fetch(repository, lock, tmp_path, ONE)
    assert repository.ranges == [("one-1.0.jar", "bytes=300000-")]
    assert not part.exists()


def test_starts_over_where_ranges_are_not_honoured(
    repository: Repository, lock: Lock, tmp_path: Path
) -> None:
    repository.ranged = False
    repository.cut["one-1.0.jar"] = [150_000]
    assert fetch(repository, lock, tmp_path, ONE) == {"one-1.0.jar": CONTENT["one-1.0.jar"]}


@pytest.mark.parametrize("size", [0, 100_000, 400_000, 500_000])
def test_a_part_of_other_contents_does_no_harm(
    repository: Repository, lock: Lock, tmp_path: Path, size: int
) -> None:
    part = tmp_path / "maven/org/example/one/1.0/one-1.0.jar.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * size)
    assert fetch(repository, lock, tmp_path, ONE) == {"one-1.0.jar": CONTENT["one-1.0.jar"]}


def test_a_damaged_transfer_is_repeated(repository: Repository, lock: Lock, tmp_path: Path) -> None:
    repository.damaged["one-1.0.jar"] = 2
    assert fetch(repository, lock, tmp_path, ONE) == {"one-1.0.jar": CONTENT["one-1.0.jar"]}
    assert len(repository.ranges) == 3


@pytest.mark.parametrize("harm", ["cut short", "one byte changed"])
def test_a_damaged_file_in_the_cache_is_fetched_again(
    repository: Repository, lock: Lock, tmp_path: Path, harm: str
) -> None:
    fetch(repository, lock, tmp_path, ONE, TWO)
    file = tmp_path / "maven/org/example/two/2.0/two-2.0.nar"
    good = CONTENT["two-2.0.nar"]
    file.write_bytes(good[:-1] if harm == "cut short" else good[:-1] + bytes([good[-1] ^ 1]))
    repository.ranges.clear()
    assert fetch(repository, lock, tmp_path, ONE, TWO) == CONTENT
    assert [name for name, _ in repository.ranges] == ["two-2.0.nar"]


def test_wrong_contents_are_never_accepted(
    repository: Repository, lock: Lock, tmp_path: Path
) -> None:
    repository.damaged["one-1.0.jar"] = 99
    with pytest.raises(SupplyError, match=r"org.example:one:1.0 .* another SHA-256"):
        fetch(repository, lock, tmp_path, ONE)
    assert not (tmp_path / "maven/org/example/one/1.0/one-1.0.jar").exists()


def test_what_is_not_to_be_had_is_named(repository: Repository, lock: Lock, tmp_path: Path) -> None:
    gone = Coordinate("org.example", "gone", "1.0")
    with pytest.raises(
        SupplyError, match=r"org.example:gone:1.0 could not be downloaded: .* 404"
    ) as caught:
        fetch(repository, lock, tmp_path, gone)
    assert caught.value.next_command
    assert "IDEMFLOW_REPOSITORY" in caught.value.next_command


def test_what_is_not_locked_is_refused(repository: Repository, lock: Lock, tmp_path: Path) -> None:
    with pytest.raises(SupplyError, match=r"does not list org.example:other:1") as caught:
        fetch(repository, lock, tmp_path, Coordinate("org.example", "other", "1"))
    assert caught.value.next_command == "python -m idemflow.supply.lock"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_is_named(
    repository: Repository, lock: Lock, tmp_path: Path
) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SupplyError, match="Permission denied"):
        fetch(repository, lock, tmp_path / "cache", ONE)


def test_the_lock_file_lists_everything() -> None:
    lock = read_lock(resources() / "artifacts.toml")
    modules = read_modules(resources() / "bundle")
    wanted = {
        *lock.lib,
        *lock.nars,
        *lock.drivers,
        lock.elasticsearch,
        *bundle.needed(modules, lock),
    }
    wanted.update(c for module in modules for c in module.test)
    assert wanted == set(lock.files)
    for packed in lock.packed:
        assert packed.jars
        assert packed.parent in lock.nars
    for coordinate, locked in lock.files.items():
        assert locked.size > 0, coordinate
        assert len(locked.sha256) == 64, coordinate
        assert int(locked.sha256, 16) >= 0, coordinate


def test_checkouts_that_start_at_once_unpack_one_server(tmp_path: Path) -> None:
    archive = tmp_path / "server.zip"
    with zipfile.ZipFile(archive, "w") as content:
        for number in range(300):
            content.writestr(f"elasticsearch-1.0/lib/{number}.jar", b"x")

    def unpack(_: int) -> Path:
        return elasticsearch.unpack(archive, "1.0", "a" * 64, tmp_path / "cache")

    with ThreadPoolExecutor(4) as pool:
        (target,) = set(pool.map(unpack, range(4)))
    assert len(list((target / "lib").iterdir())) == 300
    assert list(target.parent.iterdir()) == [target]
