"""Numbers on the wire: digits, bounded, nothing else."""

from __future__ import annotations

import pytest

from sidecar.protocol import numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"0", 0),
        (b"007", 7),
        (b"9223372036854775807", 2**63 - 1),
        (b"9223372036854775808", None),
        (b"18446744073709551616", None),
        (b"", None),
        (b"+3", None),
        (b"-1", None),
        (b"1_0", None),
        (b" 3", None),
        (b"3 ", None),
        (b"3\n", None),
        (b"0x3", None),
        (b"3, 3", None),
        ("٣".encode(), None),
    ],
)
def test_decimal(text: bytes, value: int | None) -> None:
    assert numbers.decimal(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"0", 0),
        (b"fF", 255),
        (b"7fffffffffffffff", 2**63 - 1),
        (b"8000000000000000", None),
        (b"00000000000000001", None),
        (b"0x3", None),
        (b"+3", None),
        (b"", None),
        (b"g", None),
    ],
)
def test_hexadecimal(text: bytes, value: int | None) -> None:
    assert numbers.hexadecimal(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [(b"80", 80), (b"65535", 65535), (b"65536", None), (b"xx", None), (b"000080", None)]
)
def test_port(text: bytes, value: int | None) -> None:
    assert numbers.port(text) == value
