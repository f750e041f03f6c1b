"""Goal: attributes are laid out as the kernel reads them, and its refusals are errors with a name."""

from __future__ import annotations

import struct

import pytest

from orchestrator.network import netlink as nl


def test_layout() -> None:
    assert nl.attributes([(1, b"abc"), (2, "x")]) == b"\x07\x00\x01\x00abc\x00" + b"\x06\x00\x02\x00x\x00\x00\x00"
    assert nl.attributes([(3, [(1, b"\x01\x02\x03\x04")])]) == b"\x0c\x00\x03\x80" + b"\x08\x00\x01\x00\x01\x02\x03\x04"


def test_the_kernel_answers() -> None:
    """RTM_GETLINK of lo needs no rights; a link that does not exist is refused by name."""
    with nl.Netlink(nl.NETLINK_ROUTE) as route:
        route.request(18, struct.pack("=BxHiII", 0, 0, 1, 0, 0), what="get lo")
        with pytest.raises(OSError, match="netlink") as refused:
            route.request(18, struct.pack("=BxHiII", 0, 0, 1 << 30, 0, 0), what="get nothing")
    assert refused.value.filename == "get nothing"
