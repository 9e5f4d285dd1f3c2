"""The embedded NiFi: its folder, its command line, and when it is ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from idemflow.config.paths import resources
from idemflow.config.settings import Settings
from idemflow.config.templates import render
from idemflow.security import certificates
from idemflow.security.owner import Owner, closed, folder, place, remove, write_file
from idemflow.security.secrets import NIFI_USER, Secrets, nifi_password_hash
from idemflow.servers import launch, ports
from idemflow.servers.first_flow import write_first_flow
from idemflow.servers.recovery import restore_flow
from idemflow.supply.java import Java
from idemflow.supply.python_env import PythonEnvironment

MAIN_CLASS = "org.apache.nifi.NiFi"
SHUT_PORT_CLASS = "io.idemflow.management.ShutHttpServerProvider"


@dataclass(frozen=True)
class NifiParts:
    """What NiFi is laid out from.

    Attributes:
        lib: jars of the class path.
        nars: its extensions.
        drivers: JDBC drivers by their names without a version, e.g. ``postgresql``.
    """

    lib: tuple[Path, ...]
    nars: tuple[Path, ...]
    drivers: Mapping[str, Path]


def lay_out(
    settings: Settings,
    owner: Owner,
    parts: NifiParts,
    authority: certificates.Authority,
    secrets: Secrets,
    python: PythonEnvironment,
) -> str | None:
    """Makes NiFi's folder, or brings it up to date; data stay.

    Returns:
        what was done about a flow that cannot be read: see :func:`restore_flow`.
    """
    home = settings.folders
    closed(home.nifi, owner)
    _place_all({file.name: file for file in parts.lib}, home.nifi / "lib")
    _place_all({file.name: file for file in parts.nars}, home.nifi / "nars")
    drivers = {home.driver(name).name: file for name, file in parts.drivers.items()}
    _place_all(drivers, home.drivers)
    for name in ("conf", "data", "logs", "work", "tmp"):
        folder(home.nifi / name, 0o700, owner)
    folder(home.nifi / "data" / "nars", 0o700, owner)
    restored = restore_flow(home, owner, datetime.now(UTC))
    write_first_flow(home.nifi / "data", NIFI_USER, owner)

    conf = home.nifi / "conf"
    values = {
        "conf": conf,
        "data": home.nifi / "data",
        "work": home.nifi / "work",
        "logs": home.nifi_logs,
        "nars": home.nifi / "nars",
        "port": settings.nifi_port,
        "username": NIFI_USER,
        "login_minutes": settings.login_minutes,
        "sync": "true" if settings.durability == "safe" else "false",
        "password_hash": nifi_password_hash(secrets.nifi_password),
        "keystore_password": secrets.keystore_password,
        "truststore_password": secrets.truststore_password,
        "sensitive_props_key": secrets.sensitive_props_key,
    }
    for template in sorted((resources() / "conf" / "nifi").iterdir()):
        write_file(conf / template.name, render(template, values), owner)
    write_file(conf / "jpy.properties", python.jpy_config(), owner)
    certificate = home.certificates / "nifi.crt"
    if not certificates.is_current(certificate, authority) or not (conf / "keystore.p12").exists():
        issued = certificates.issue(authority, "NiFi of idemflow")
        write_file(conf / "keystore.p12", issued.keystore(secrets.keystore_password), owner)
        trusted = certificates.truststore(authority.pem(), secrets.truststore_password)
        write_file(conf / "truststore.p12", trusted, owner)
        write_file(certificate, issued.pem())
    return restored


def _place_all(files: Mapping[str, Path], target: Path) -> None:
    """Makes a folder hold these files under these names, and nothing else."""
    folder(target, 0o755)
    for name, file in files.items():
        place(file, target / name)
    for extra in target.iterdir():
        if extra.name not in files:
            remove(extra)


def command(
    settings: Settings, java: Java, options: Sequence[str], python: PythonEnvironment
) -> launch.Command:
    """NiFi's command line; the class path is relative, so that any folder name will do."""
    home = settings.folders
    conf, temporary = home.nifi / "conf", home.nifi / "tmp"
    environment = launch.environment(home.nifi / "data", "nifi", temporary)
    environment["PYTHONPATH"] = ":".join(map(str, python.path))
    environment["PYTHONHOME"] = str(python.prefix)
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    arguments: list[str | Path] = [
        java.executable,
        f"-Xms{settings.nifi_heap}",
        f"-Xmx{settings.nifi_heap}",
        "-XX:+UseG1GC",
        *options,
        "-XX:+ExitOnOutOfMemoryError",
        f"-XX:ErrorFile={home.nifi_logs}/hs_err_pid%p.log",
        f"-Didemflow.project={settings.project}",
        f"-Djava.io.tmpdir={temporary}",
        f"-Duser.home={home.nifi / 'data'}",
        # A database's timestamp without a zone is read in the JVM's zone: where that has daylight
        # saving time, some hours of the year would mean two instants and others none.
        "-Duser.timezone=UTC",
        "-Djava.awt.headless=true",
        "-Djava.net.preferIPv4Stack=true",
        "-Dsun.net.http.allowRestrictedHeaders=true",
        "-Djavax.security.auth.useSubjectCredsOnly=true",
        "-Dorg.apache.jasper.compiler.disablejsr199=true",
        # NiFi's management port, where nobody logs in: the bundle keeps it shut.
        f"-Dcom.sun.net.httpserver.HttpServerProvider={SHUT_PORT_CLASS}",
        "--add-exports=jdk.httpserver/sun.net.httpserver=ALL-UNNAMED",
        f"-Dorg.apache.nifi.management.server.address={ports.LOOPBACK}:{ports.any_free_port()}",
        f"-Dorg.apache.nifi.bootstrap.config.log.dir={home.nifi_logs}",
        f"-Dnifi.properties.file.path={conf / 'nifi.properties'}",
        f"-Djpy.config={conf / 'jpy.properties'}",
        # Python's recursion needs more stack than Java's threads have; it is reserved, not used up.
        "-Xss8m",
        # Of an option that is given twice, Java takes the last.
        *settings.nifi_java_options,
        "-cp",
        "../conf:../lib/*",
        MAIN_CLASS,
    ]
    return launch.Command(
        server="nifi",
        arguments=arguments,
        environment=environment,
        folder=home.nifi / "work",  # what NiFi makes with a relative name is not to be kept
        output=home.nifi_logs / "console.log",
        log=home.log("nifi"),
    )
