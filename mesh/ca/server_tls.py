"""The control plane's own certificate, and the TLS context that its port serves with.

The key never touches a disk: OpenSSL wants a file, so it gets a memfd. Reloading swaps the certificate for new
connections; open ones keep theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import os
import ssl

from mesh.ca.authority import Authority, KeyPair

log = logging.getLogger(__name__)

SERVER_NAMES = (
    "istiod.istio-system.svc", "istiod.istio-system.svc.cluster.local", "istiod.istio-system", "localhost", "127.0.0.1",
    "::1",
)  # fmt: skip
SERVER_TTL_S = 24 * 3600.0
RENEW_FRACTION = 0.5


def server_context(authority: Authority, *, now: dt.datetime) -> ssl.SSLContext:
    """Client certificates are optional here (webhooks have none); the paths that need one check for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=authority.root_pem.decode())
    context.set_alpn_protocols(["http/1.1"])
    renew(context, authority, now=now)
    return context


def renew(context: ssl.SSLContext, authority: Authority, *, now: dt.datetime) -> None:
    load_pair(context, authority.issue_server(list(SERVER_NAMES), ttl_s=SERVER_TTL_S, now=now))


async def keep_fresh(context: ssl.SSLContext, authority: Authority, *, interval_s: float) -> None:
    """Renews for ever; `interval_s` is half the certificate's life."""
    while True:
        await asyncio.sleep(interval_s)
        renew(context, authority, now=dt.datetime.now(dt.UTC))
        log.info("renewed the control plane's certificate")


def load_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    with contextlib.ExitStack() as stack:
        descriptor = os.memfd_create("server-certificate")
        stack.callback(os.close, descriptor)
        os.write(descriptor, pair.key + pair.chain)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
