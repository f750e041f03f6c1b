"""Names through the system's resolver."""

from __future__ import annotations

import asyncio

from sidecar.net.resolver import Resolver, is_address


async def test_lookups() -> None:
    resolver = Resolver(asyncio.get_running_loop())
    assert await resolver.lookup("10.1.2.3") == ("10.1.2.3",)
    assert await resolver.lookup("localhost", "V4_ONLY") == ("127.0.0.1",)
    assert await resolver.lookup("no-such-name.invalid") in ((), None)
    resolver.close()
    assert is_address("::1")
    assert not is_address("a.test")
