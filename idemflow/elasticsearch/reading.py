"""Answers of Elasticsearch as Python reads them: numbers keep their digits."""

from __future__ import annotations

import json
from typing import Any

from elasticsearch.serializer import JsonSerializer

from idemflow.steps.rules.digits import number


class ExactJson(JsonSerializer):
    """Reads JSON so that no digit of a number is lost, and no number of a document ends it."""

    def json_loads(self, data: bytes) -> Any:
        """See :func:`json.loads`."""
        try:
            return json.loads(data, parse_float=number)
        except json.JSONDecodeError:
            raise
        except ValueError:  # an integer of more digits than Python reads
            return json.loads(data, parse_float=number, parse_int=_integer)


def _integer(digits: str) -> float:
    try:
        return int(digits)
    except ValueError:
        # No run has sent it: as a number that JSON has not, it makes the document another.
        return float("inf")
