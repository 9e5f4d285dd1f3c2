"""The small parts: NARs, templates, ports, coordinates, log tails."""

from __future__ import annotations

import io
import os
import socket
import zipfile
from pathlib import Path

import pytest

from idemflow.config.templates import render
from idemflow.errors import PortTaken, SettingError, SupplyError
from idemflow.servers import ports
from idemflow.servers.logs import tail
from idemflow.servers.provision import not_replaced, own_nars
from idemflow.supply.artifacts import Coordinate
from idemflow.supply.nar import NarName, pack_jar, pack_nar, types_of


def test_a_nar_is_as_nifi_unpacks_it(tmp_path: Path) -> None:
    services = tmp_path / "classes" / "META-INF" / "services"
    services.mkdir(parents=True)
    (services / "org.apache.nifi.processor.Processor").write_text(
        "# ours\norg.example.One\n\norg.example.Two # the second\n", encoding="utf-8"
    )
    (services / "java.sql.Driver").write_text("org.example.Driver\n", encoding="utf-8")
    (tmp_path / "classes" / "__pycache__").mkdir()
    (tmp_path / "classes" / "__pycache__" / "x.pyc").write_bytes(b"x")
    pack_jar(tmp_path / "one.jar", [tmp_path / "classes"])
    parent = Coordinate("org.apache.nifi", "parent-nar", "2.3.0", "nar")
    for name in ("a.nar", "b.nar"):
        pack_nar(
            tmp_path / name, NarName("org.example", "my-nar", "1", parent), [tmp_path / "one.jar"]
        )
    assert (tmp_path / "a.nar").read_bytes() == (tmp_path / "b.nar").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.nar") as nar:
        names = nar.namelist()
        assert names.index("META-INF/bundled-dependencies/") < names.index(
            "META-INF/bundled-dependencies/one.jar"
        )
        assert "META-INF/" in names
        manifest = nar.read("META-INF/MANIFEST.MF").decode()
        assert "Nar-Id: my-nar\r\n" in manifest
        assert "Nar-Dependency-Id: parent-nar\r\n" in manifest
        jar = zipfile.ZipFile(io.BytesIO(nar.read("META-INF/bundled-dependencies/one.jar")))
        assert not [n for n in jar.namelist() if "pycache" in n]
    assert types_of(tmp_path / "a.nar") == {"org.example.One", "org.example.Two"}


def nar_with(folder: Path, name: str, *types: str) -> Path:
    services = folder / f"{name}-classes" / "META-INF" / "services"
    services.mkdir(parents=True)
    text = "\n".join(types)
    (services / "org.apache.nifi.processor.Processor").write_text(text, encoding="utf-8")
    pack_jar(folder / f"{name}.jar", [folder / f"{name}-classes"])
    nar = folder / name / f"{name}.nar"
    pack_nar(nar, NarName("org.example", name, "1"), [folder / f"{name}.jar"])
    return nar


def test_what_the_users_nars_bring_replaces_the_bundles(tmp_path: Path) -> None:
    scripting = nar_with(tmp_path, "scripting", "org.x.ExecuteScript")
    search = nar_with(tmp_path, "search", "org.x.Put", "org.x.Client")
    theirs = nar_with(tmp_path, "theirs", "org.x.Client", "org.x.Other")
    assert own_nars([theirs.parent]) == [theirs]
    assert not_replaced([scripting, search], [theirs]) == [scripting]
    assert not_replaced([scripting, search], []) == [scripting, search]
    with pytest.raises(SettingError, match="not a folder with NARs") as refused:
        own_nars([tmp_path / "nowhere"])
    assert "idemflow up --no-nars" in (refused.value.next_command or "")
    (tmp_path / "bad.nar").write_text("no zip", encoding="utf-8")
    with pytest.raises(SettingError, match="is not a NAR"):
        not_replaced([scripting], [tmp_path / "bad.nar"])


def test_what_is_not_a_nar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.nar").write_text("no zip", encoding="utf-8")
    with pytest.raises(ValueError, match="not a zip"):
        types_of(tmp_path / "x.nar")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("x.properties", r"C:\my folder" + "\n", r"key=C:\\my folder\n"),
        ("x.xml", 'a<b & "c"', "key=a&lt;b &amp; &quot;c&quot;"),
        ("x.yml", '/a "b" \\c', 'key="/a \\"b\\" \\\\c"'),
        ("x.yml", "9200", "key=9200"),
        ("jvm.options", "/a b", "key=/a b"),
    ],
)
def test_templates_escape_for_their_format(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    (tmp_path / name).write_text("key=$value", encoding="utf-8")
    assert render(tmp_path / name, {"value": value}) == expected


def test_a_taken_port_is_explained() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
        holder = f"port {port}, which nifi needs, is taken by pid {os.getpid()} "
        with pytest.raises(PortTaken, match=holder) as caught:
            ports.check_free("nifi", "--nifi-port", port, avoid=frozenset())
    assert caught.value.next_command
    suggested = int(caught.value.next_command.rsplit(" ", 1)[1])
    assert suggested != port
    assert ports.is_free(suggested)
    ports.check_free("nifi", "--nifi-port", port, avoid=frozenset())


def test_a_suggested_port_is_not_the_other_servers() -> None:
    port = ports.any_free_port()
    assert ports.free_port(port) == port
    assert ports.free_port(port, avoid=frozenset({port})) != port


@pytest.mark.parametrize(
    "text", ["org.example:one:1.0", "org.example:one:1.0:nar", "org.example:one:1.0:jar:linux"]
)
def test_coordinates_survive_as_text(text: str) -> None:
    assert str(Coordinate.parse(text)) == text


@pytest.mark.parametrize("text", ["", "a:b", "a::1", "a:b:1:jar:linux:more"])
def test_malformed_coordinates_are_refused(text: str) -> None:
    with pytest.raises(SupplyError):
        Coordinate.parse(text)


def test_tail_gives_whole_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_text("".join(f"line {i} ü\n" for i in range(10_000)), encoding="utf-8")
    assert tail(log, 2) == "line 9998 ü\nline 9999 ü"
