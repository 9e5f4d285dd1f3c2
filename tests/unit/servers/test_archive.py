"""Backups: what is in them, and that nothing is restored of one that is not whole."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from idemflow.canvas import saved_flow
from idemflow.cli import main
from idemflow.config import settings
from idemflow.config.paths import Home
from idemflow.drawing.parameters import Parameter
from idemflow.security import sealed
from idemflow.security.nifi_values import NifiValues
from idemflow.security.secrets import ensure_secrets, load_secrets
from idemflow.servers import keep
from idemflow.servers.archive import ARCHIVE, is_inside
from idemflow.servers.state import FORMAT, State, write_state

PASSPHRASE = "correct horse battery"
PASSWORD = "the database's password"
FLOW = {
    "parameterContexts": [
        {
            "name": "idemflow orders",
            "parameters": [
                {"name": "elasticsearch.url", "value": "https://localhost:9200"},
                {"name": "database.driver", "value": "{home}/nifi/drivers/postgresql.jar"},
                {
                    "name": "database.password",
                    "description": "Its password; set by idemflow, print 0a1b2c3d",
                    "sensitive": True,
                    "value": PASSWORD,
                },
            ],
        }
    ],
    "rootGroup": {
        "name": "NiFi Flow",
        "controllerServices": [
            {"name": "Elasticsearch", "properties": {"Password": "#{elasticsearch.password}"}}
        ],
        "processors": [{"name": "Fetch", "properties": {"Token": "by hand", "URL": "http://a/b"}}],
    },
}
SECRET = ("database.password", "Token", "Password")


def flow(home: Path, values: NifiValues) -> bytes:
    """The flow above, of a runtime in that folder."""

    def saved(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            named = value.get("name")
            return {k: saved(v, str(named) if k == "value" else k) for k, v in value.items()}
        if isinstance(value, list):
            return [saved(one) for one in value]
        text = value.replace("{home}", str(home)) if isinstance(value, str) else value
        return values.encrypt(text) if key in SECRET else text

    return gzip.compress(json.dumps(saved(FLOW)).encode())


def found(home: Home) -> dict[str, str | None]:
    """The values of the flow in a folder, as NiFi reads them."""
    values = NifiValues(load_secrets(home.secrets).sensitive_props_key)
    read = json.loads(gzip.decompress((home.root / keep.FLOW).read_bytes()))
    parameters = read["parameterContexts"][0]["parameters"]
    texts = {one["name"]: one["value"] for one in parameters}
    for part in ("controllerServices", "processors"):
        texts |= read["rootGroup"][part][0]["properties"]
    return {
        name: values.decrypt(text) if name in SECRET and text is not None else text
        for name, text in texts.items()
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A runtime that does not run."""
    made = Home(tmp_path_factory.mktemp("kept") / "home")
    values = NifiValues(ensure_secrets(made.root / "secrets").sensitive_props_key)
    contents = {
        keep.FLOW: flow(made.root, values),
        "nifi/data/flowfiles/journals/1.journal": b"queued",
        "nifi/data/content/7/claim": os.urandom(3 << 20),
        "nifi/data/content/7/archive/old": b"past",
        "nifi/data/provenance/1.prov": b"past",
        "nifi/data/archive/1_flow.json.gz": b"past",
        "nifi/data/flowfiles.damaged-20260506T070809/x": b"past",
        "nifi/logs/nifi-app.log": b"past",
        "elasticsearch/data/indices/a/0/index/_0.cfs": b"documents",
        "elasticsearch/config/users": b"laid out anew",
    }
    for path, content in contents.items():
        (made.root / path).parent.mkdir(parents=True, exist_ok=True)
        (made.root / path).write_bytes(content)
    (made.root / "flows/shop.git/refs/heads").mkdir(parents=True)
    made.project_id.write_text("0123456789ab\n")
    made.remembered.write_text('{"nifi_port": 8543, "elasticsearch_port": 9200}')
    write_state(made.state, State(grants=("people",), data={"nifi": "2.3.0"}))
    names = ("nifi", "elasticsearch", "flows")
    for name, part in zip(names, keep.parts(_settings(made)), strict=True):
        for file in (made.root / name).rglob("*"):
            os.chown(file, part.owner.uid, part.owner.gid)
    return made


def _settings(home: Home) -> settings.Settings:
    return settings.resolve({"project": str(home.root.parent), "home": str(home.root)})


def run(home: Home, *arguments: str) -> Result:
    given = {"IDEMFLOW_PROJECT": str(home.root.parent), "IDEMFLOW_HOME": str(home.root)}
    return CliRunner().invoke(main, arguments, env=given)


@pytest.fixture(scope="module")
def secret(home: Home) -> tuple[str, str]:
    file = home.root.parent / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    return "--passphrase-file", str(file)


@pytest.fixture(scope="module")
def made(home: Home, secret: tuple[str, str]) -> Path:
    """A backup with secrets."""
    file = home.root.parent / "kept.zip"
    done = run(home, "backup", str(file), *secret)
    assert done.exit_code == 0, done.stderr
    return file


@pytest.fixture
def archive(made: Path, tmp_path: Path) -> Path:
    """A copy of that."""
    return Path(shutil.copy(made, tmp_path / "kept.zip"))


@pytest.fixture
def other(tmp_path: Path) -> Home:
    """A runtime's folder that is not there yet."""
    return Home(tmp_path / "other")


def test_a_backup_restored_elsewhere(
    home: Home, other: Home, archive: Path, secret: tuple[str, str]
) -> None:
    done = run(other, "restore", str(archive), *secret, "--elasticsearch-port", "9300")
    assert done.exit_code == 0, done.stderr
    assert "NiFi on port 8543, Elasticsearch on port 9300." in done.stdout
    assert "next: " in done.stdout
    assert "deploy" not in done.stdout
    for same in (
        "nifi/data/flowfiles/journals/1.journal",
        "nifi/data/content/7/claim",
        "elasticsearch/data/indices/a/0/index/_0.cfs",
        "project-id",
        "secrets/login.json",
    ):
        assert (other.root / same).read_bytes() == (home.root / same).read_bytes(), same
    assert json.loads(other.state.read_text()) == json.loads(home.state.read_text())
    assert (other.root / "flows/shop.git/refs/heads").is_dir()
    assert found(other) == {
        **found(home),
        "elasticsearch.url": "https://localhost:9300",
        "database.driver": f"{other.root}/nifi/drivers/postgresql.jar",
    }
    assert found(other)["Password"] == "#{elasticsearch.password}"
    assert not {one.name for one in other.root.rglob("*")} & {"old", "1.prov", "x", "nifi-app.log"}
    assert not other.restoring.exists()
    for part in keep.parts(_settings(other)):
        for path in (other.root / part.path).rglob("*"):
            held = path.lstat()
            assert stat.S_IMODE(held.st_mode) == (0o700 if path.is_dir() else 0o600)
            assert held.st_uid == part.owner.uid


def test_without_a_passphrase_no_secret_is_in_it(home: Home, other: Home, tmp_path: Path) -> None:
    file = tmp_path / "kept.zip"
    done = run(home, "backup", str(file))
    assert done.exit_code == 0, done.stderr
    missing = "idemflow orders: database.password, NiFi Flow: Fetch: Token"
    assert f"To be set again after a restore: {missing}" in done.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(file) as opened:
        content = b"".join(opened.read(name) for name in opened.namelist())
        kept = gzip.decompress(opened.read(f"home/{keep.FLOW}"))
    for one in (PASSWORD, "by hand", *load_secrets(home.secrets).__dict__.values()):
        assert one.encode() not in content + kept
    assert b"enc{" not in content + kept
    assert b"print 0a1b2c3d" not in kept

    done = run(other, "restore", str(file))
    assert done.exit_code == 0, done.stderr
    assert "Logins and keys are new ones." in done.stdout
    assert "Set again on the canvas, after the start: NiFi Flow: Fetch: Token" in done.stdout
    assert "up && " in done.stdout
    assert "deploy orders" in done.stdout
    assert load_secrets(other.secrets) != load_secrets(home.secrets)
    now = found(other)
    assert (now["database.password"], now["Token"]) == (None, None)
    assert now["Password"] == "#{elasticsearch.password}"


def test_a_lost_passphrase_costs_the_secrets_alone(other: Home, archive: Path) -> None:
    refused = run(other, "restore", str(archive))
    assert refused.exit_code == 2
    assert "no terminal to ask for a passphrase on" in refused.stderr
    wrong = archive.with_name("wrong")
    wrong.write_text("another passphrase")
    refused = run(other, "restore", str(archive), "--passphrase-file", str(wrong))
    assert refused.exit_code == 2
    assert "not the one that the secrets have" in refused.stderr
    assert not other.root.exists()
    assert run(other, "restore", str(archive), "--without-secrets").exit_code == 0
    assert found(other)["Password"] == "#{elasticsearch.password}"
    assert found(other)["database.password"] is None


def test_a_folder_that_has_something_is_refused(
    home: Home, archive: Path, secret: tuple[str, str]
) -> None:
    before = {path: path.lstat().st_mtime_ns for path in home.root.rglob("*")}
    refused = run(home, "restore", str(archive), *secret)
    assert refused.exit_code == 2
    assert "is a runtime already" in refused.stderr
    assert {path: path.lstat().st_mtime_ns for path in home.root.rglob("*")} == before


def rewritten(file: Path, change: Callable[[dict[str, Any], dict[str, bytes]], object]) -> None:
    """Write an archive anew with another manifest and other members."""
    with zipfile.ZipFile(file) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    change(manifest, members)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
        made.writestr("manifest.json", json.dumps(manifest))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def flipped(file: Path) -> None:
    """One bit in the middle, where the contents of a FlowFile are."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def other_content(file: Path) -> None:
    rewritten(file, lambda _, members: members.update({"home/nifi/data/content/7/claim": b"x"}))


def larger(file: Path) -> None:
    claim = "home/nifi/data/content/7/claim"
    rewritten(file, lambda _, members: members.update({claim: bytes(64 << 20)}))


def missing(file: Path) -> None:
    rewritten(file, lambda _, members: members.pop("home/nifi/data/content/7/claim"))


def leading(path: str) -> Callable[[Path], None]:
    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["files"].append({"path": path, "size": 1, "sha256": "0" * 64})
        members[f"home/{path}"] = b"x"

    return lambda file: rewritten(file, change)


def without_flow(file: Path) -> None:
    def change(manifest: dict[str, Any], _: dict[str, bytes]) -> None:
        manifest["files"] = [one for one in manifest["files"] if one["path"] != keep.FLOW]

    rewritten(file, change)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": cut,
    "a bit": flipped,
    "other content": other_content,
    "larger": larger,
    "missing": missing,
    "no flow": without_flow,
    "empty": lambda file: file.write_bytes(b""),
    "no zip": lambda file: file.write_bytes(b"flow" * 1000),
    "no manifest": lambda file: rewritten(file, lambda manifest, _: manifest.clear()),
    "above": leading("nifi/data/../../../../outside"),
    "absolute": leading("/outside"),
    "a program of the servers": leading("nifi/lib/x.jar"),
    "a configuration": leading("elasticsearch/config/users"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_whole_is_refused_and_leaves_nothing(
    other: Home, archive: Path, damage: str
) -> None:
    DAMAGES[damage](archive)
    refused = run(other, "restore", str(archive), "--without-secrets")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "is damaged, or no backup" in " ".join(refused.stderr.split())
    left = {one.name for one in other.root.rglob("*")} if other.root.exists() else set()
    assert left <= {".gitignore", "lock", "turns", "nifi", "elasticsearch"}
    assert not list(other.root.parent.glob("**/outside"))
    assert run(other, "restore", str(archive), "--check").exit_code == 1


@pytest.mark.parametrize("number", ["archive", "format"])
def test_one_of_a_newer_idemflow_is_refused(other: Home, archive: Path, number: str) -> None:
    newer = {"archive": ARCHIVE + 1, "format": FORMAT + 1}[number]

    def change(manifest: dict[str, Any], _: dict[str, bytes]) -> None:
        manifest |= {number: newer, "idemflow": "9.8.7", "files": "in another shape"}

    rewritten(archive, change)
    refused = run(other, "restore", str(archive), "--without-secrets")
    assert refused.exit_code == 1
    assert "was written by idemflow 9.8.7" in refused.stderr
    assert "next: use the newer idemflow" in refused.stderr


def test_data_of_a_newer_server_are_refused(other: Home, archive: Path) -> None:
    rewritten(archive, lambda manifest, _: manifest["data"].update(elasticsearch="9.0.0"))
    refused = run(other, "restore", str(archive), "--without-secrets")
    assert refused.exit_code == 1
    assert "has data of Elasticsearch 9.0.0" in refused.stderr


def test_files_of_others_are_left_out_and_named(home: Home, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("of someone else")
    links = {home.nifi / "data/link": outside, home.nifi / "data/folder": tmp_path}
    for link, to in links.items():
        link.symlink_to(to)
    done = run(home, "backup", str(tmp_path / "kept.zip"), "--json")
    for link in links:
        link.unlink()
    assert json.loads(done.stdout)["left_out"] == ["nifi/data/link"]
    with zipfile.ZipFile(tmp_path / "kept.zip") as opened:
        assert not [name for name in opened.namelist() if "link" in name or "outside" in name]


def test_where_it_cannot_be_written(home: Home, other: Home, tmp_path: Path) -> None:
    there = tmp_path / "there.zip"
    there.write_text("a file of the user's")
    for file, told in {
        there: "is there already",
        home.nifi / "data/kept.zip": "must be somewhere else",
        tmp_path / "no/kept.zip": "is no folder",
    }.items():
        refused = run(home, "backup", str(file))
        assert refused.exit_code == 2
        assert told in refused.stderr
    assert there.read_text() == "a file of the user's"
    assert run(other, "backup", str(tmp_path / "new.zip")).exit_code == 1


def test_servers_of_ones_own_are_not_backed_up(home: Home, tmp_path: Path) -> None:
    for command in ("backup", "restore"):
        given = {"IDEMFLOW_HOME": str(home.root), "IDEMFLOW_NIFI_URL": "https://nifi:8443"}
        file = tmp_path / "kept.zip"
        if command == "restore":
            assert run(home, "backup", str(file)).exit_code == 0
        refused = CliRunner().invoke(main, [command, str(file)], env=given)
        assert refused.exit_code == 2
        assert "nifi_url names your own NiFi" in refused.stderr


def test_a_disk_without_room_is_told_before_anything_is_done(
    home: Home, other: Home, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1 << 20})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    for command in (
        ("backup", str(archive.with_name("new.zip"))),
        ("restore", str(archive), "--without-secrets"),
    ):
        where = home if command[0] == "backup" else other
        refused = run(where, *command)
        assert refused.exit_code == 1
        assert "has 1 MiB free, and up to 3 MiB are needed" in refused.stderr
    assert not archive.with_name("new.zip").exists()


@pytest.mark.parametrize(
    "path", ["", ".", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a\0b", "a/.."]
)
def test_paths_that_lead_elsewhere(path: str) -> None:
    assert not is_inside(path)


def test_a_short_passphrase_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("short\n")
    file = tmp_path / "kept.zip"
    refused = run(home, "backup", str(file), "--passphrase-file", str(tmp_path / "short"))
    assert refused.exit_code == 2
    assert f"has {sealed.LEAST} characters at least" in refused.stderr
    assert not file.exists()


def test_values_as_nifi_encrypts_them() -> None:
    """Written by NiFi 2.3.0 with this key."""
    values = NifiValues("key")
    assert values.decrypt(values.encrypt("äöü")) == "äöü"
    assert NifiValues("another").decrypt(values.encrypt("a")) is None
    with pytest.raises(ValueError, match="no encrypted value"):
        values.decrypt("plain")


def read(packed: bytes) -> Any:
    return json.loads(gzip.decompress(packed))


def test_places_that_a_flow_lacks_are_left_out() -> None:
    packed = gzip.compress(json.dumps({"a": [{"b": None}], "c": "text"}).encode())
    given = dict.fromkeys(
        ('["a",0,"b"]', '["a",1,"b"]', '["a"]', '["c",0]', "[]", "7", "{", '{"a":1}'), "x"
    )
    now = read(saved_flow.put_in(packed, given, NifiValues("key")))
    assert NifiValues("key").decrypt(now["a"][0]["b"]) == "x"
    assert now["c"] == "text"


def test_a_value_that_is_put_in_again_has_its_print_again() -> None:
    values = NifiValues("key")
    own = Parameter("password", "secret", "A password", sensitive=True)
    typed = {"name": "typed", "value": values.encrypt("b"), "description": "A person's"}
    flow = [{"name": own.name, "value": values.encrypt(own.value), "description": own.shown}, typed]
    packed = gzip.compress(json.dumps({"parameters": flow}).encode())
    opened = saved_flow.taken_out(packed, values)
    described = [one["description"] for one in read(opened.flow)["parameters"]]
    assert described == [own.shown[:-8] + "-", "A person's"]
    again = read(saved_flow.put_in(opened.flow, opened.secrets, values))["parameters"]
    assert [one["description"] for one in again] == [own.shown, "A person's"]
    assert [values.decrypt(one["value"]) for one in again] == ["secret", "b"]
