"""The workload's certificate: asked for with the pod's token, renewed with itself, swapped while connections run.

The first request carries the ServiceAccount token of the pod; later ones the current certificate, with the token as a
second way. A new certificate replaces the old one only when OpenSSL has accepted it together with its key.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sidecar.control.backoff import Backoff
from sidecar.control.discovery import Discovery, DiscoveryError
from sidecar.net.secrets import Secret, SecretStore

log = logging.getLogger(__name__)

PATH = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
WORKLOAD_SECRET = "default"
ROOT_SECRET = "ROOTCA"
CSR_TIMEOUT_S = 20.0
RETRY_FIRST_S = 0.1
RETRY_MAX_S = 30.0
RENEW_FRACTION = 0.5
RENEW_JITTER = 0.01
"""Istio renews at half of the lifetime, give or take one percent."""
RENEW_INTERVAL_MIN_S = 1.0
SOURCE = Path(__file__).resolve().parents[2]


class IdentityError(Exception):
    """No certificate this time; the message says who refused what."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What this proxy shows. `key` keeps the memfd open; times are seconds since the epoch."""

    chain: bytes
    root: bytes
    key: MemoryFile
    serial: str
    uri: str
    valid_from: float
    expires_at: float


class MemoryFile:
    """Bytes without a place on a disk, with a path that OpenSSL can open while this object lives."""

    def __init__(self, name: str, content: bytes = b"") -> None:
        self.descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
        if content:
            os.write(self.descriptor, content)

    @property
    def path(self) -> str:
        return f"/proc/self/fd/{self.descriptor}"

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


class Identity:
    """Keeps the secrets `default` and `ROOTCA` and the control plane's client certificate current."""

    def __init__(
        self,
        discovery: Discovery,
        secrets: SecretStore,
        *,
        spiffe_id: str,
        token_file: Path,
        lifetime_s: float,
        rng: random.Random,
        changed: Callable[[], None] | None = None,
    ) -> None:
        self.current: Certificate | None = None
        self.failure = ""
        self.ready = asyncio.Event()
        self._discovery = discovery
        self._secrets = secrets
        self._spiffe_id = spiffe_id
        self._token_file = token_file
        self._lifetime_s = lifetime_s
        self._rng = rng
        self._changed = changed
        self._previous: Certificate | None = None

    async def run(self) -> None:
        """Get a certificate, then keep it fresh; never ends."""
        backoff = Backoff(self._rng, first_s=RETRY_FIRST_S, max_s=RETRY_MAX_S)
        while True:
            try:
                await self.renew()
            except (IdentityError, DiscoveryError) as error:
                pause_s = backoff.failed()
                self.failure = str(error)
                log.warning("identity: %s; next try in %.1f s", error, pause_s)
            else:
                backoff.succeeded()
                assert self.current is not None
                pause_s = renewal_pause_s(self.current, now=time.time(), rng=self._rng)
            await asyncio.sleep(pause_s)

    async def renew(self) -> None:
        """One certificate: with the current one if there is, else, or if that is refused, with the token."""
        key = MemoryFile("workload-key")
        request = await make_request(key, self._spiffe_id)
        body = json.dumps({"csr": request, "validity_duration": int(self._lifetime_s)}).encode()
        reply = None
        if self.current is not None and self.current.expires_at > time.time():
            reply = await self._discovery.post(PATH, body)
        if reply is None or reply.status != 200:
            reply = await self._discovery.post(PATH, body, token=self._token(), anonymous=True)
        if reply.status != 200:
            raise IdentityError(f"the certificate authority answered {reply.describe()}")
        self._install(accept(json.loads(reply.body), key, self._spiffe_id))

    def _install(self, certificate: Certificate) -> None:
        chain = MemoryFile("workload-chain", certificate.chain)
        self._discovery.identify(chain.path, certificate.key.path)
        # Contexts are rebuilt from the store at first use: the previous key stays open for one that is being built now.
        self._previous, self.current = self.current, certificate
        self._secrets.set(ROOT_SECRET, Secret(trusted_ca=certificate.root))
        self._secrets.set(
            WORKLOAD_SECRET,
            Secret(
                certificate_chain=certificate.chain,
                private_key_path=certificate.key.path,
                trusted_ca=certificate.root,
            ),
        )
        self.failure = ""
        self.ready.set()
        log.info("identity %s until %s", certificate.uri, time.strftime("%FT%TZ", time.gmtime(certificate.expires_at)))
        if self._changed is not None:
            self._changed()

    def _token(self) -> str:
        try:
            return self._token_file.read_text().strip()
        except OSError as error:
            raise IdentityError(f"token {self._token_file}: {error.strerror}") from None


async def make_request(key: MemoryFile, spiffe_id: str) -> str:
    """Run the key's maker; its key lands in `key`. Returns the signing request as PEM."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sidecar.control.csr",
        str(key.descriptor),
        spiffe_id,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(key.descriptor,),
        cwd="/",
        env={"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        async with asyncio.timeout(CSR_TIMEOUT_S):
            output, errors = await child.communicate()
    except TimeoutError:
        child.kill()
        raise IdentityError(f"no key after {CSR_TIMEOUT_S:g} s") from None
    if child.returncode != 0:
        raise IdentityError(f"no key: {errors.decode(errors='replace')[-300:]}")
    return output.decode()


def accept(answer: Any, key: MemoryFile, spiffe_id: str) -> Certificate:
    """Check what the authority gave: it fits the key, it names us, and OpenSSL takes it. IdentityError otherwise."""
    chain = answer.get("cert_chain") if isinstance(answer, dict) else None
    if not isinstance(chain, list) or len(chain) < 2 or not all(isinstance(one, str) for one in chain):
        raise IdentityError("the certificate authority's answer has no cert_chain of leaf and root")
    leaf, root = chain[0], chain[-1]
    served = "".join(one if one.endswith("\n") else one + "\n" for one in chain[:-1]).encode()
    chain_file = MemoryFile("workload-chain", served)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain_file.path, key.path)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=root)
        described = describe(leaf)
    except (ssl.SSLError, OSError) as error:
        raise IdentityError(f"the certificate does not fit: {error}") from None
    names = [value for kind, value in described.get("subjectAltName", ()) if kind == "URI"]
    if names != [spiffe_id]:
        raise IdentityError(f"the certificate is for {names}, not for {spiffe_id}")
    return Certificate(
        chain=served,
        root=root.encode(),
        key=key,
        serial=str(described["serialNumber"]),
        uri=spiffe_id,
        valid_from=float(ssl.cert_time_to_seconds(str(described["notBefore"]))),
        expires_at=float(ssl.cert_time_to_seconds(str(described["notAfter"]))),
    )


def describe(leaf: str) -> dict[str, Any]:
    """Names and times of a PEM certificate, as `SSLSocket.getpeercert` gives them.

    The decoder has no public name in the standard library; cryptography, which has, must not be loaded here.
    """
    decode = cast("Callable[[str], dict[str, Any]]", ssl._ssl._test_decode_cert)  # type: ignore[attr-defined]
    file = MemoryFile("leaf", leaf.encode())
    return decode(file.path)


def renewal_pause_s(certificate: Certificate, *, now: float, rng: random.Random) -> float:
    lifetime_s = certificate.expires_at - certificate.valid_from
    fraction = RENEW_FRACTION + rng.uniform(-RENEW_JITTER, RENEW_JITTER)
    # Authorities date certificates back a little against skewed clocks: half of what is left counts, too.
    at = min(certificate.valid_from + lifetime_s * fraction, now + (certificate.expires_at - now) * fraction)
    return max(RENEW_INTERVAL_MIN_S, at - now)
