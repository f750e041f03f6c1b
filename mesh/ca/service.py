"""CreateCertificate: who gets a certificate, and for which identity.

Two proofs are accepted: a ServiceAccount token for the audience `istio-ca` that is bound to a living pod (the first
certificate), or the certificate in use on this very connection (renewal). A deleted pod's token is refused by the API
server; a certificate whose ServiceAccount has no pod left is refused here.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from aiohttp import web

from mesh.ca.authority import CSR_BYTES_MAX, WORKLOAD_TTL_DEFAULT_S, WORKLOAD_TTL_MAX_S, Authority, Refusal
from mesh.ca.identity import Identity, peer_identity, user_identity
from mesh.ca.reviewer import TokenReviewer, bearer

PATH = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
AUDIENCE = "istio-ca"
BODY_BYTES_MAX = 4 * CSR_BYTES_MAX


class CertificateRequest(msgspec.Struct):
    """`validity_duration` in seconds; 0 or absent = the default."""

    csr: str
    validity_duration: float | str = 0


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """istiod's DEFAULT_WORKLOAD_CERT_TTL and MAX_WORKLOAD_CERT_TTL."""

    default_s: float = WORKLOAD_TTL_DEFAULT_S
    max_s: float = WORKLOAD_TTL_MAX_S


class CertificateService:
    """`trust_domain()` is asked at each request: MeshConfig may change; `has_workload` says whether any living pod runs
    as that identity."""

    def __init__(
        self,
        authority: Authority,
        reviewer: TokenReviewer,
        *,
        trust_domain: Callable[[], str],
        has_workload: Callable[[Identity], bool],
        lifetimes: Lifetimes,
    ) -> None:
        self._authority = authority
        self._reviewer = reviewer
        self._trust_domain = trust_domain
        self._has_workload = has_workload
        self._lifetimes = lifetimes

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        if len(body) > BODY_BYTES_MAX:
            return _refuse(Refusal(413, "the request is too long"))
        try:
            wanted = msgspec.json.decode(body, type=CertificateRequest)
        except msgspec.DecodeError as failure:
            return _refuse(Refusal(400, str(failure)))
        certificate = request.transport.get_extra_info("peercert") if request.transport else None
        caller = await self.authenticate(bearer(request.headers.get("Authorization", "")), peer_identity(certificate))
        if isinstance(caller, Refusal):
            return _refuse(caller)
        signed = self.sign(wanted, caller, now=dt.datetime.now(dt.UTC))
        if isinstance(signed, Refusal):
            return _refuse(signed)
        return web.json_response({"cert_chain": signed})

    async def authenticate(self, token: str, peer: Identity | None) -> Identity | Refusal:
        if token:
            return await self._of_token(token)
        if peer is None:
            return Refusal(401, "a token for the audience istio-ca, or the current certificate, is required")
        if peer.trust_domain != self._trust_domain():
            return Refusal(403, f"{peer} is of another trust domain")
        if not self._has_workload(peer):
            return Refusal(403, f"no pod runs as {peer}")
        return peer

    async def _of_token(self, token: str) -> Identity | Refusal:
        reviewed = await self._reviewer.review(token, audience=AUDIENCE)
        if reviewed is None:
            return Refusal(401, "the token is not valid for the audience istio-ca")
        if not reviewed.pod_uid:
            return Refusal(403, "the token is not bound to a pod")
        identity = user_identity(reviewed.username, self._trust_domain())
        return identity or Refusal(403, f"{reviewed.username} is not a ServiceAccount")

    def sign(self, wanted: CertificateRequest, caller: Identity, *, now: dt.datetime) -> list[str] | Refusal:
        ttl_s = _seconds(wanted.validity_duration)
        if ttl_s is None:
            return Refusal(400, "validity_duration must be seconds")
        ttl_s = ttl_s or self._lifetimes.default_s
        if ttl_s > self._lifetimes.max_s:
            return Refusal(400, f"validity_duration must be at most {self._lifetimes.max_s:g} seconds")
        return self._authority.sign_workload(wanted.csr.encode(), caller, ttl_s=ttl_s, now=now)


def _seconds(value: float | str) -> float | None:
    """Proto3 JSON writes an int64 as a string; None = neither."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _refuse(refusal: Refusal) -> web.Response:
    return web.json_response({"code": refusal.status, "message": refusal.reason}, status=refusal.status)
