"""How the rest of idemflow reaches NiFi and Elasticsearch, embedded or the user's own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from idemflow.config.endpoint import Endpoint
from idemflow.config.settings import Settings
from idemflow.errors import PipelineError, RuntimeNotUp, SettingError
from idemflow.security.owner import servers_user
from idemflow.security.secrets import ELASTICSEARCH_USER, LOADER_USER, NIFI_USER, load_secrets
from idemflow.servers.state import SERVERS, State, read_state


@dataclass(frozen=True)
class Target:
    """The NiFi and Elasticsearch that idemflow drives.

    Attributes:
        kind: ``embedded``, or ``external`` for the user's own servers.
        nifi: NiFi, with the login of an administrator.
        elasticsearch: Elasticsearch, with idemflow's own user.
        loader: how NiFi reaches Elasticsearch, with the user that may write the pipelines'
            indices and nothing else.
        truststore: a PKCS12 file with Elasticsearch's CA, at a path that NiFi can read.
        truststore_password: its password.
    """

    kind: Literal["embedded", "external"]
    nifi: Endpoint
    elasticsearch: Endpoint
    loader: Endpoint
    truststore: Path | None
    truststore_password: str | None = field(repr=False)


def connect(settings: Settings) -> Target:
    """The target of the settings.

    Raises:
        RuntimeNotUp: a server of the embedded runtime does not run.
        SettingError: a setting of the user's own servers is missing.
    """
    if settings.runtime == "external":
        return _external(settings)
    state = read_state(settings.folders.state)
    running = state.running()
    missing = [name for name in SERVERS if name not in running]
    if missing:
        were = [name for name in missing if name in state.servers]
        verb = "has ended" if were else "is not running"
        raise RuntimeNotUp(f"{' and '.join(missing)} {verb}", next_command="idemflow up")
    return describe(settings, state)


def describe(settings: Settings, state: State) -> Target:
    """The embedded runtime's addresses and logins, whether its servers run or not.

    Raises:
        FileNotFoundError: it was never set up.
    """
    home = settings.folders
    secrets = load_secrets(home.secrets)
    ca_file = home.certificates / "ca.crt"

    def endpoint(server: str, user: str, password: str) -> Endpoint:
        record = state.servers.get(server)
        port = record.port if record else getattr(settings, f"{server}_port")
        return Endpoint(f"https://localhost:{port}", user, password, ca_file)

    return Target(
        kind="embedded",
        nifi=endpoint("nifi", NIFI_USER, secrets.nifi_password),
        elasticsearch=endpoint("elasticsearch", ELASTICSEARCH_USER, secrets.elasticsearch_password),
        loader=endpoint("elasticsearch", LOADER_USER, secrets.loader_password),
        truststore=home.nifi / "conf" / "truststore.p12",
        truststore_password=secrets.truststore_password,
    )


def _external(settings: Settings) -> Target:
    def optional(name: str) -> str | None:
        value = getattr(settings, name)
        return value.get_secret_value() if isinstance(value, SecretStr) else value

    def required(name: str) -> str:
        value = optional(name)
        if not value:
            raise SettingError(
                name,
                f"is needed with your own NiFi ({settings.nifi_url})",
                next_command=f"export IDEMFLOW_{name.upper()}=...",
            )
        return value

    def endpoint(server: str) -> Endpoint:
        url, user, password = (
            required(f"{server}_{name}") for name in ("url", "username", "password")
        )
        return Endpoint(url, user, password, getattr(settings, f"{server}_ca"))

    nifi, own = endpoint("nifi"), endpoint("elasticsearch")
    loader = replace(own, url=settings.loader_url or own.url)
    if settings.loader_username:
        loader = replace(
            loader, username=settings.loader_username, password=required("loader_password")
        )
    return Target(
        kind="external",
        nifi=nifi,
        elasticsearch=own,
        loader=loader,
        truststore=settings.loader_truststore,
        truststore_password=optional("loader_truststore_password"),
    )


def check_readable(settings: Settings, pipeline: str, directory: Path, *, field: str) -> None:
    """Check that NiFi can read the files in a directory.

    Nothing is checked for the user's own NiFi: the directory is on its machine.

    Args:
        pipeline: the name of the pipeline that wants it.
        field: the field of the pipeline's YAML that names it.

    Raises:
        PipelineError: it is not there, or NiFi's user cannot read it.
    """
    if settings.runtime == "external":
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
