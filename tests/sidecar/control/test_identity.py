"""A certificate from the real authority: by token first, then by the certificate itself."""

from __future__ import annotations

import asyncio
import random
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest

from sidecar.control.discovery import Discovery
from sidecar.control.identity import (
    Certificate,
    Identity,
    IdentityError,
    MemoryFile,
    accept,
    make_request,
    renewal_pause_s,
)
from sidecar.net.secrets import SecretStore

SPIFFE = "spiffe://cluster.local/ns/default/sa/default"


async def identity_of(cluster: Any, directory: Path, *, lifetime_s: float = 3600.0) -> Identity:
    proxy = await cluster.proxy(await cluster.pod("web"))
    token = directory / "token"
    token.write_text(proxy.token)
    discovery = Discovery(f"127.0.0.1:{cluster.plane.port}", proxy.directory / "root.pem")
    return Identity(
        discovery,
        SecretStore(),
        spiffe_id=SPIFFE,
        token_file=token,
        lifetime_s=lifetime_s,
        rng=random.Random(1),
    )


@pytest.mark.integration
async def test_token_then_certificate(cluster: Any, tmp_path: Path) -> None:
    identity = await identity_of(cluster, tmp_path)
    await identity.renew()
    first = identity.current
    assert first is not None
    assert first.uri == SPIFFE
    secret = identity._secrets.get("default")
    assert secret is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain = MemoryFile("chain", secret.certificate_chain)
    context.load_cert_chain(chain.path, secret.private_key_path)
    root = identity._secrets.get("ROOTCA")
    assert root is not None
    assert b"BEGIN CERTIFICATE" in root.trusted_ca
    # The token is used up: the certificate alone must do.
    (tmp_path / "token").unlink()
    await identity.renew()
    assert identity.current is not None
    assert identity.current.serial != first.serial
    assert "cryptography" not in {name.partition(".")[0] for name in sys.modules if name.startswith("sidecar")}


@pytest.mark.integration
async def test_run_renews_at_half_life(cluster: Any, tmp_path: Path) -> None:
    identity = await identity_of(cluster, tmp_path, lifetime_s=3)
    running = asyncio.create_task(identity.run())
    try:
        async with asyncio.timeout(20):
            await identity.ready.wait()
            first = identity.current
            while identity.current is first:
                await asyncio.sleep(0.02)
    finally:
        running.cancel()


@pytest.mark.integration
async def test_refusals_keep_the_current_one(cluster: Any, tmp_path: Path) -> None:
    identity = await identity_of(cluster, tmp_path)
    (tmp_path / "token").write_text("not a token")
    with pytest.raises(IdentityError, match="401"):
        await identity.renew()
    assert identity.current is None
    assert not identity.ready.is_set()


async def test_accept_checks_key_name_and_shape() -> None:
    key = MemoryFile("key")
    request = await make_request(key, SPIFFE)
    assert "BEGIN CERTIFICATE REQUEST" in request
    for answer in (None, {}, {"cert_chain": []}, {"cert_chain": ["x"]}, {"cert_chain": ["x", "y"]}):
        with pytest.raises(IdentityError):
            accept(answer, key, SPIFFE)


def test_renewal_pause() -> None:
    certificate = Certificate(b"", b"", MemoryFile("k"), "1", SPIFFE, valid_from=1000.0, expires_at=1100.0)
    pauses = [renewal_pause_s(certificate, now=1000.0, rng=random.Random(seed)) for seed in range(50)]
    assert all(49 <= pause <= 51 for pause in pauses)
    assert len(set(pauses)) > 10
    assert renewal_pause_s(certificate, now=1099.9, rng=random.Random(1)) == 1.0
