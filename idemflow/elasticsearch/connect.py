"""The connection to Elasticsearch: the client, its errors, and what needs one request."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from elasticsearch import (
    ApiError,
    AuthenticationException,
    AuthorizationException,
    ConnectionTimeout,
    Elasticsearch,
    TransportError,
)

from idemflow.config.endpoint import Endpoint
from idemflow.elasticsearch.reading import ExactJson
from idemflow.errors import IdemflowError, LoginRefused, Unreachable

_ANSWERS_WITHIN = 10.0  # seconds, for the question whether it is there at all


class Connection:
    """A client with errors that say what to do.

    Args:
        endpoint: Elasticsearch's address and a login that may do everything.
        timeout: seconds that a request may take.
    """

    def __init__(self, endpoint: Endpoint, timeout: float = 30) -> None:
        self._url = endpoint.url
        # A context of one's own trusts this CA alone, and does not read the system's first.
        ca = endpoint.ca_file
        tls: dict[str, Any] = {"ssl_context": ssl.create_default_context(cafile=ca)} if ca else {}
        self.client = Elasticsearch(
            endpoint.url,
            basic_auth=(endpoint.username, endpoint.password),
            **tls,
            serializers={ExactJson.mimetype: ExactJson()},
            request_timeout=timeout,
            # What waits for a server decides how long; the client is asked once.
            max_retries=0,
        )

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the client raises into errors that say what to do.

        Raises:
            LoginRefused: the login, or the right to do this, was refused.
            Unreachable: Elasticsearch does not answer, or is not ready.
            IdemflowError: it refused the request, or has a document that cannot be read.
        """
        try:
            yield
        except (AuthenticationException, AuthorizationException) as error:
            raise LoginRefused(
                f"Elasticsearch at {self._url} refused the login or the right to do this",
                next_command="idemflow doctor",
            ) from error
        except TransportError as error:
            raise Unreachable(
                f"Elasticsearch does not answer at {self._url}: {error.message}",
                next_command="idemflow status"
                if isinstance(error, ConnectionTimeout)
                else "idemflow up",
            ) from error
        except ApiError as error:
            if error.status_code in (429, 502, 503, 504):
                raise Unreachable(
                    f"Elasticsearch at {self._url} is not ready ({error.status_code})",
                    next_command="idemflow status",
                ) from error
            raise IdemflowError(f"Elasticsearch refused a request: {_reason(error)}") from error
        except RecursionError as error:
            raise IdemflowError(
                "Elasticsearch has a document that is nested too deeply to be read; no run of "
                "idemflow wrote it",
                next_command="idemflow verify PIPELINE, which names it",
            ) from error

    def reachable(self) -> None:
        """Check that Elasticsearch answers.

        Raises:
            Unreachable: it does not.
            LoginRefused: it does not know this user.
        """
        with self.errors():
            self.client.options(request_timeout=_ANSWERS_WITHIN).cluster.health()

    def unreadable(self) -> set[str]:
        """The indices of which a shard is missing: each request on one waits for a minute."""
        with self.errors():
            found: Any = self.client.cat.indices(
                health="red", h="index", format="json", expand_wildcards="all"
            )
        return {str(one["index"]) for one in found}

    def check_readable(self, *indices: str) -> None:
        """Check that no shard of some indices is missing.

        Raises:
            Unreachable: one is, of an index that it names.
        """
        if lost := sorted(self.unreadable().intersection(indices)):
            raise Unreachable(
                f"Elasticsearch cannot read the data of {', '.join(lost)}",
                next_command="idemflow status, which says why",
            )

    def refresh(self, *indices: str) -> None:
        """Make what was written to the indices visible to searches."""
        if not indices:
            return
        with self.errors():
            self.client.indices.refresh(
                index=",".join(indices), ignore_unavailable=True, allow_no_indices=True
            )

    def count(self, index: str, query: Mapping[str, Any] | None = None) -> int:
        """The number of documents of an index (0 if there is none) that a query finds."""
        with self.errors():
            return int(
                self.client.count(
                    index=index, query=query, ignore_unavailable=True, allow_no_indices=True
                )["count"]
            )

    def bulk(self, operations: Sequence[Mapping[str, Any]], *, refresh: bool = True) -> list[int]:
        """Send one bulk request.

        Args:
            operations: action lines and documents, as the bulk API has them.
            refresh: whether searches see its changes afterwards.

        Returns:
            The HTTP status of each action; 404 where a document is gone, 409 where it is not
            the version that was asked for.

        Raises:
            IdemflowError: Elasticsearch refused an action for another reason.
        """
        if not operations:
            return []
        with self.errors():
            answer = self.client.bulk(operations=operations, refresh=refresh)
        statuses = []
        for item in answer["items"]:
            (result,) = item.values()
            if "error" in result and result["status"] not in (404, 409):
                raise IdemflowError(f"Elasticsearch refused a change: {result['error']}")
            statuses.append(int(result["status"]))
        return statuses


def _reason(error: ApiError) -> str:
    """What Elasticsearch says, down to the cause that names the field."""
    cause = error.info.get("error") if isinstance(error.info, dict) else None
    reasons: list[str] = []
    while isinstance(cause, dict):
        reasons.append(str(cause.get("reason")))
        cause = cause.get("caused_by")
    return ": ".join(reasons) or str(error)
