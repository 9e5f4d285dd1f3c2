"""How the rest of idemflow reaches NiFi and Elasticsearch, each embedded or the user's own."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from idemflow.config.combinations import SERVERS, TITLES, ServerName
from idemflow.config.endpoint import Endpoint
from idemflow.config.nifi_files import check_nifi_reads
from idemflow.config.settings import Settings
from idemflow.errors import PipelineError, RuntimeNotUp, SettingError
from idemflow.security.owner import Owner, servers_user, write_file
from idemflow.security.secrets import ELASTICSEARCH_USER, LOADER_USER, NIFI_USER, load_secrets
from idemflow.servers.state import State, read_state


@dataclass(frozen=True)
class Target:
    """The NiFi and Elasticsearch that idemflow drives.

    Attributes:
        nifi: NiFi, with the login of an administrator.
        elasticsearch: Elasticsearch, with idemflow's own user.
        loader: how NiFi reaches Elasticsearch, with the user that may write the pipelines'
            indices and nothing else.
        truststore: a PKCS12 file with Elasticsearch's CA, at a path that NiFi can read.
        truststore_password: its password.
    """

    nifi: Endpoint
    elasticsearch: Endpoint
    loader: Endpoint
    truststore: Path | None
    truststore_password: str | None = field(repr=False)


def connect(settings: Settings) -> Target:
    """The target of the settings.

    Raises:
        RuntimeNotUp: an embedded server does not run.
        SettingError: a setting of a server of the user's own is missing or cannot be used.
    """
    state = read_state(settings.folders.state)
    running = state.running()
    missing = [name for name in settings.embedded if name not in running]
    if missing:
        were = [name for name in missing if name in state.servers]
        verb = "has ended" if were else "is not running"
        raise RuntimeNotUp(f"{' and '.join(missing)} {verb}", next_command="idemflow up")
    return describe(settings, state)


def reach(settings: Settings, server: ServerName) -> Endpoint:
    """One of the two servers, whether the other runs or not.

    Raises:
        RuntimeNotUp: it is embedded, and does not run.
        SettingError: it is the user's own, and its login is missing.
    """
    state = read_state(settings.folders.state)
    if server in settings.embedded and server not in state.running():
        verb = "has ended" if server in state.servers else "is not running"
        raise RuntimeNotUp(f"{server} {verb}", next_command="idemflow up")
    return endpoint(settings, state, server)


def describe(settings: Settings, state: State) -> Target:
    """Addresses and logins, whether the embedded servers run or not.

    Raises:
        FileNotFoundError: an embedded server was never set up.
        SettingError: see :func:`connect`.
    """
    nifi, elasticsearch = (endpoint(settings, state, server) for server in SERVERS)
    loader = _loader(settings, elasticsearch)
    return Target(nifi, elasticsearch, loader, *_truststore(settings))


def endpoint(settings: Settings, state: State, server: ServerName) -> Endpoint:
    """The address of one of the two, and idemflow's login.

    Raises:
        FileNotFoundError: it is embedded, and was never set up.
        SettingError: it is the user's own, and its login is missing, or its CA cannot be read.
    """
    url = settings.own_url(server)
    if url is not None:
        user, password = (_required(settings, server, what) for what in ("username", "password"))
        return Endpoint(url, user, password, _own_ca(settings, server))
    secrets = load_secrets(settings.folders.secrets)
    user, password = {
        "nifi": (NIFI_USER, secrets.nifi_password),
        "elasticsearch": (ELASTICSEARCH_USER, secrets.elasticsearch_password),
    }[server]
    record = state.servers.get(server)
    port = record.port if record else getattr(settings, f"{server}_port")
    ca_file = settings.folders.certificates / "ca.crt"
    return Endpoint(f"https://localhost:{port}", user, password, ca_file)


def _own_ca(settings: Settings, server: ServerName) -> Path | None:
    name = f"{server}_ca"
    file: Path | None = getattr(settings, name)
    if file is not None:
        try:
            ssl.create_default_context(cafile=file)
        except OSError as error:
            empty = isinstance(error, ssl.SSLError)
            reason = "no certificate is in it" if empty else error.strerror
            raise SettingError(
                name,
                f"{file} is no CA certificate (PEM) to read: {reason}",
                next_command=f"openssl x509 -noout -subject -in '{file}'",
            ) from error
    return file


def _loader(settings: Settings, elasticsearch: Endpoint) -> Endpoint:
    loader = replace(elasticsearch, url=settings.loader_url or elasticsearch.url)
    if "elasticsearch" in settings.embedded:
        password = load_secrets(settings.folders.secrets).loader_password
        return replace(loader, username=LOADER_USER, password=password)
    if settings.loader_username is None:
        return loader
    password = _required(settings, "loader", "password")
    return replace(loader, username=settings.loader_username, password=password)


def _truststore(settings: Settings) -> tuple[Path | None, str | None]:
    """The file with Elasticsearch's CA as NiFi reads it, and its password.

    Raises:
        SettingError: the file that a setting names cannot be read.
    """
    home, given = settings.folders, _optional(settings, "loader_truststore_password")
    own_nifi, own_elasticsearch = (settings.own_url(server) is not None for server in SERVERS)
    if settings.loader_truststore is not None:
        if not own_nifi:
            check_nifi_reads(settings, "loader_truststore", settings.loader_truststore)
        if given is None and not own_elasticsearch:  # a copy of the one that is made below
            given = load_secrets(home.secrets).truststore_password
        return settings.loader_truststore, given
    if own_nifi and own_elasticsearch:
        return None, None
    password = load_secrets(home.secrets).truststore_password
    if not own_nifi and not own_elasticsearch:
        return home.nifi / "conf" / "truststore.p12", password
    if own_nifi:
        return _made(home.certificates / "ca.crt", home.certificates, None, password), password
    if settings.elasticsearch_ca is None:  # one that Java trusts without being told
        return None, None
    owner = servers_user(settings.home, settings.run_as_user)
    try:
        return _made(settings.elasticsearch_ca, home.nifi / "conf", owner, password), password
    except (OSError, ValueError) as error:
        cause = f"{settings.elasticsearch_ca} is no CA certificate (PEM) to read: {error}"
        raise SettingError("elasticsearch_ca", cause) from error


def _made(ca_file: Path, folder: Path, owner: Owner | None, password: str) -> Path:
    """A trust store with the certificates of a PEM file; its name tells of which.

    Args:
        owner: who alone is to read it; ``None`` for everybody who may enter the folder.
    """
    pem = ca_file.read_bytes()
    file = folder / f"elasticsearch-{hashlib.sha256(pem).hexdigest()[:12]}.p12"
    if not file.exists():
        # cryptography takes longer to import than all that most commands need.
        from idemflow.security.certificates import truststore  # noqa: PLC0415

        write_file(file, truststore(pem, password), owner)
        if owner is None:
            file.chmod(0o644)
    return file


def _optional(settings: Settings, name: str) -> str | None:
    value = getattr(settings, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _required(settings: Settings, server: str, what: str) -> str:
    name = f"{server}_{what}"
    value = _optional(settings, name)
    if not value:
        whose = f"your own {TITLES[server]}" if server in TITLES else "loader_username"
        raise SettingError(
            name, f"is needed with {whose}", next_command=f"export IDEMFLOW_{name.upper()}=..."
        )
    return value


def check_readable(settings: Settings, pipeline: str, directory: Path, *, field: str) -> None:
    """Check that NiFi can read the files in a directory.

    Nothing is checked for a NiFi of the user's own: the directory is on its machine.

    Args:
        pipeline: the name of the pipeline that wants it.
        field: the field of the pipeline's YAML that names it.

    Raises:
        PipelineError: it is not there, or NiFi's user cannot read it.
    """
    if "nifi" not in settings.embedded:
        return
    if not directory.is_dir():
        problem, remedy = "is not a directory", f"mkdir -p '{directory}'"
    elif not servers_user(settings.home, settings.run_as_user).can_reach(directory):
        problem = "cannot be read by the user that NiFi runs as"
        remedy = (
            f"move it to where others may read, or: chmod o+rx '{directory}' and the folders above"
        )
    else:
        return
    raise PipelineError(
        f"flows/{pipeline}.yaml", f"{directory} {problem}", field=field, next_command=remedy
    )
