"""The server's context: what clients see, with and without a certificate of their own, before and after renewal."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl

import pytest

from mesh.ca.authority import Authority
from mesh.ca.server_tls import keep_fresh, renew, server_context

NOW = dt.datetime.now(dt.UTC)
AUTHORITY = Authority.create(now=NOW, organization="cluster.local")


async def serial(context: ssl.SSLContext, name: str, authority: Authority = AUTHORITY) -> str:
    """Of the certificate that a verifying client is shown."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(cadata=authority.root_pem.decode())
        host, port = server.sockets[0].getsockname()
        _, writer = await asyncio.open_connection(host, port, ssl=client, server_hostname=name)
        certificate = writer.get_extra_info("peercert")
        writer.close()
        return str(certificate["serialNumber"])


@pytest.mark.parametrize("name", ["istiod.istio-system.svc", "localhost", "127.0.0.1"])
async def test_names(name: str) -> None:
    assert await serial(server_context(AUTHORITY, now=NOW), name)


async def test_other_names_and_other_roots_are_refused() -> None:
    context = server_context(AUTHORITY, now=NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        await serial(context, "example.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        await serial(context, "localhost", Authority.create(now=NOW, organization="other"))


async def test_renewal_is_seen_by_the_next_connection() -> None:
    context = server_context(AUTHORITY, now=NOW)
    before = await serial(context, "localhost")
    assert await serial(context, "localhost") == before
    renew(context, AUTHORITY, now=NOW)
    assert await serial(context, "localhost") != before


async def test_renewal_happens_by_itself() -> None:
    context = server_context(AUTHORITY, now=NOW)
    before = await serial(context, "localhost")
    task = asyncio.ensure_future(keep_fresh(context, AUTHORITY, interval_s=0.01))
    try:
        async with asyncio.timeout(10):
            while await serial(context, "localhost") == before:
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
