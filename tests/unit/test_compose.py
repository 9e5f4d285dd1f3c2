"""docker-compose.yml, .env.example and nifi/Dockerfile: valid, safe, and true to each other."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from ruamel.yaml import YAML

from idemflow.config import settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / ".env.example"
DOCKERFILE = ROOT / "nifi" / "Dockerfile"
DOCS = ROOT / "docs" / "docker.md"
SERVERS = {"elasticsearch", "nifi", "nifi-registry"}


def tool(name: str) -> str:
    """A program that a wheel put beside this Python."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is missing: pip install -e '.[dev]'"
    return found


def compose(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Docker Compose on a copy of the files; it needs no engine to read them."""
    package = find_spec("compose")
    assert package is not None
    assert package.origin is not None
    # The wheel's own console script loses the exit status.
    program = Path(package.origin).parent / "docker-compose"
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(
        [program, *arguments], cwd=folder, env=clean, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


def fill(folder: Path) -> dict[str, str]:
    """Make .env with the command that .env.example and the docs give."""
    command = re.search(r"^# +(\(umask .*\))$", EXAMPLE.read_text(), re.MULTILINE)
    assert command is not None
    assert command[1] in DOCS.read_text(), "the docs give another command than .env.example"
    subprocess.run(["sh", "-euc", command[1]], cwd=folder, check=True, timeout=60)
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files in a folder of their own."""
    for file in (COMPOSE, EXAMPLE):
        shutil.copy(file, tmp_path)
    shutil.copytree(ROOT / "nifi" / "docker", tmp_path / "nifi" / "docker")
    return tmp_path


@pytest.fixture
def resolved(folder: Path) -> dict[str, Any]:
    """What Docker Compose makes of the files."""
    fill(folder)
    done = compose(folder, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def names(pattern: str, text: str) -> set[str]:
    return set(re.findall(pattern, text, re.MULTILINE))


def test_the_generated_env_holds_a_fresh_secret_for_each_name(folder: Path) -> None:
    values = fill(folder)
    assert set(values) == names(r"^([A-Z_]+)=$", EXAMPLE.read_text())
    assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in values.values())
    assert len(set(values.values())) == len(values)
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600


def test_compose_accepts_the_file_and_finds_all_services(resolved: dict[str, Any]) -> None:
    assert set(resolved["services"]) == SERVERS | {"certificates", "users"}


def test_a_missing_secret_is_named_before_anything_starts(folder: Path) -> None:
    for name, value in fill(folder).items():
        (folder / ".env").write_text(
            "".join(
                f"{other}={'' if other == name else value}\n"
                for other in names(r"^([A-Z_]+)=$", EXAMPLE.read_text())
            )
        )
        done = compose(folder, "config", "--quiet")
        assert done.returncode != 0
        assert name in done.stderr
        assert ".env.example" in done.stderr


def test_every_variable_is_in_the_example_and_no_secret_has_a_default() -> None:
    text, example = COMPOSE.read_text(), EXAMPLE.read_text()
    required = names(r"\$\{([A-Z_]+):\?", text)
    optional = names(r"\$\{([A-Z_]+:-[^}]*)\}", text)
    assert required == names(r"^([A-Z_]+)=$", example)
    assert {item.replace(":-", "=") for item in optional} == names(r"^#([A-Z_]+=.+)$", example)
    assert names(r"\$\{?([A-Z_]+)", text) == required | {i.split(":-")[0] for i in optional}
    secret = re.compile(r"PASS|KEY$|SECRET|TOKEN")
    for service in YAML(typ="safe").load(text)["services"].values():
        for name, value in service.get("environment", {}).items():
            assert not secret.search(name) or ":?" in value, name


def test_ports_are_on_loopback_only(resolved: dict[str, Any]) -> None:
    for name, service in resolved["services"].items():
        ports = service.get("ports", [])
        assert bool(ports) == (name in SERVERS)
        assert {port["host_ip"] for port in ports} <= {"127.0.0.1"}


def test_images_are_pinned_to_one_version(resolved: dict[str, Any]) -> None:
    images = {name: service["image"] for name, service in resolved["services"].items()}
    from_images = re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE)
    for image in (*images.values(), *from_images):
        assert re.search(r":\d+\.\d+\.\d+(-[a-z0-9-]+)?$", image), image
    assert images["elasticsearch"] == images["users"]
    assert images["nifi"] == images["certificates"]
    versions = {image.split(":")[1] for image in (from_images[-1], images["nifi"])}
    assert versions == {images["nifi-registry"].split(":")[1]}


def test_servers_are_healthy_restarted_limited_and_keep_their_data(
    resolved: dict[str, Any],
) -> None:
    for name, service in resolved["services"].items():
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert int(service["mem_limit"]) > 0
        if name in SERVERS:
            assert service["restart"] == "unless-stopped"
            assert service["healthcheck"]["test"]
            assert service["ulimits"]["nofile"]
            assert any(v["type"] == "volume" and not v.get("read_only") for v in service["volumes"])
        else:
            assert service["restart"] == "no"
    conditions = {
        (name, on): wait["condition"]
        for name, service in resolved["services"].items()
        for on, wait in service.get("depends_on", {}).items()
    }
    assert conditions == {
        ("elasticsearch", "certificates"): "service_completed_successfully",
        ("users", "elasticsearch"): "service_healthy",
        ("nifi", "certificates"): "service_completed_successfully",
        ("nifi", "users"): "service_completed_successfully",
        ("nifi-registry", "certificates"): "service_completed_successfully",
    }


def test_no_server_gets_a_secret_or_a_key_of_another(resolved: dict[str, Any]) -> None:
    services = resolved["services"]
    assert not {"ELASTIC_PASSWORD", "LOADER_PASSWORD"} & set(services["nifi"]["environment"])
    for name in SERVERS:
        mounted = {volume["source"] for volume in services[name]["volumes"]}
        keys = {m for m in mounted if m.endswith("-certificates") or m == "ca"}
        assert keys == {f"{name}-certificates"}


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [tool("hadolint"), "--no-color", DOCKERFILE],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert not done.stdout


def test_shellcheck_finds_nothing() -> None:
    scripts = sorted((ROOT / "nifi" / "docker").glob("*.sh"))
    assert len(scripts) == 3
    done = subprocess.run(
        [tool("shellcheck"), *scripts], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_image_has_the_package_versions_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = dict(item.split("==") for item in project["dependencies"])
    arguments = dict(re.findall(r"^ARG ([A-Z]+)_VERSION=(\S+)$", DOCKERFILE.read_text(), re.M))
    assert arguments == {"JPY": pinned["jpy"], "FAKER": pinned["faker"]}


def test_the_image_is_built_from_files_of_the_checkout(resolved: dict[str, Any]) -> None:
    build = resolved["services"]["nifi"]["build"]
    context = Path(build["context"])
    assert context / build["dockerfile"] == context / DOCKERFILE.relative_to(ROOT)
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE.read_text(), re.M)
        for source in line.split()[:-1]
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"idemflow", "nifi", "pyproject.toml", "LICENSE", project["readme"]} <= copied
    # Docker sends nothing else.
    sent = names(r"^!(\S+)$", (ROOT / ".dockerignore").read_text())
    assert {Path(source).parts[0] for source in copied} == sent
    assert all((ROOT / source).exists() for source in copied)


def test_the_settings_in_the_docs_point_idemflow_at_the_containers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = fill(folder)
    block = re.search(r"```sh\n(set -a;.*?)```", DOCS.read_text(), re.DOTALL)
    assert block is not None
    done = subprocess.run(
        ["sh", "-euc", f"{block[1]}\nenv"], cwd=folder, env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    for key in list(os.environ):
        if key.startswith(settings.PREFIX):
            monkeypatch.delenv(key)
    for line in done.stdout.splitlines():
        if line.startswith(settings.PREFIX):
            monkeypatch.setenv(*line.split("=", 1))
    monkeypatch.chdir(folder)
    found = settings.resolve()
    assert found.runtime == "external"
    assert found.nifi_url == "https://localhost:8443"
    assert found.nifi_password == SecretStr(secrets["NIFI_PASSWORD"])
    assert found.nifi_ca == folder / "ca.crt"
    assert found.elasticsearch_password == SecretStr(secrets["ELASTIC_PASSWORD"])
    assert found.loader_url == "https://elasticsearch:9200"
    assert found.loader_password == SecretStr(secrets["LOADER_PASSWORD"])
    assert found.loader_truststore == Path("/opt/certs/truststore.p12")
