"""Quantities: exact values, rounding up, refusals."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mesh.kube.quantity import QuantityError, millis, parse_quantity, whole


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("100m", Fraction(1, 10)),
        ("1.5Gi", 1.5 * 2**30),
        ("2e3", 2000),
        ("2E3", 2000),
        ("1E", 10**18),
        ("-1k", -1000),
        (".5", Fraction(1, 2)),
        ("0", 0),
    ],
)
def test_values(text: str, value: float) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1gi", "1e", "0x1", "1e9999", "--1", "1.2.3"])
def test_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        parse_quantity(text)


def test_rounding_is_up() -> None:
    assert millis("0.0001") == 1
    assert millis("1500m") == 1500
    assert whole("1500m") == 2
    assert whole("1Ki") == 1024
