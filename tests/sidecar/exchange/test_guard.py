"""Where passthrough may not go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sidecar.exchange.guard import Guard, is_own_address
from sidecar.net.addresses import Endpoint
from sidecar.net.dial import Plan
from sidecar.net.sandbox import Shim


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "169.254.169.254", "fe80::1", "0.0.0.0", "10.244.3.4",
     "10.96.0.1",
     "10.111.255.255", "224.0.0.1", "192.0.2.7", "::ffff:10.244.0.1", "localhost"],
)  # fmt: skip
def test_refused(host: str) -> None:
    assert Guard(on=True, is_own=lambda host: host == "192.0.2.7").refuses(Plan(Endpoint(host, 80)))


@pytest.mark.parametrize("host", ["93.184.216.34", "10.112.0.1", "10.243.0.1", "2606:2800::1", "192.168.1.1"])
def test_allowed(host: str) -> None:
    assert not Guard(on=True, is_own=lambda host: False).refuses(Plan(Endpoint(host, 80)))


async def test_the_own_pod_and_files_are_not_guarded(tmp_path: Path) -> None:
    shim = Shim(asyncio.get_running_loop(), str(tmp_path))
    assert not Guard(on=True, is_own=lambda host: False).refuses(Plan(Endpoint("10.244.0.9", 80), shim=shim))
    assert not Guard(on=False).refuses(Plan(Endpoint("127.0.0.1", 80)))
    assert is_own_address("127.0.0.1")
    assert not is_own_address("192.0.2.7")
