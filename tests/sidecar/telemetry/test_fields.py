"""Operators that read a record."""

from __future__ import annotations

import pytest

from sidecar.config.access_log_filter import FLAGS
from sidecar.telemetry.fields import FIELDS, LONG_FLAGS
from sidecar.telemetry.record import ExchangeRecord

RECORD = ExchangeRecord(
    flags="URX,UF",
    downstream_local="[::1]:80",
    downstream_remote="10.0.0.1:1234",
    upstream_host="10.0.0.2:9080",
    upstream_local="10.0.0.3:5000",
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("RESPONSE_FLAGS_LONG", "UpstreamRetryLimitExceeded,UpstreamConnectionFailure"),
        ("DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "::1"),
        ("DOWNSTREAM_LOCAL_PORT", 80),
        ("DOWNSTREAM_DIRECT_REMOTE_PORT", 1234),
        ("UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "10.0.0.2"),
        ("UPSTREAM_REMOTE_PORT", 9080),
        ("UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "10.0.0.3"),
        ("UPSTREAM_LOCAL_PORT", 5000),
    ],
)
def test_field(name: str, expected: str | int) -> None:
    assert FIELDS[name](RECORD) == expected


@pytest.mark.parametrize("name", ["UPSTREAM_CLUSTER", "UPSTREAM_REMOTE_PORT", "PROTOCOL", "REQUEST_DURATION"])
def test_not_known(name: str) -> None:
    assert FIELDS[name](ExchangeRecord()) is None


def test_known_only_in_part() -> None:
    assert FIELDS["UPSTREAM_CLUSTER"](ExchangeRecord(cluster="nowhere", flags="NC")) is None
    assert FIELDS["UPSTREAM_REMOTE_ADDRESS"](ExchangeRecord(upstream_host="10.0.0.2:1", flags="UF")) is None
    assert FIELDS["RESPONSE_FLAGS"](ExchangeRecord()) == FIELDS["RESPONSE_FLAGS_LONG"](ExchangeRecord()) == "-"


def test_long_names_are_of_known_flags() -> None:
    assert set(LONG_FLAGS) <= FLAGS
    assert len(set(LONG_FLAGS.values())) == len(LONG_FLAGS)
