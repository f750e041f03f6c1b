"""jwt_authn in front of a backend: refusals, what goes on, and rules about payloads."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sidecar.engines import Echo, backend, call, cluster, hcm, route, running
from tests.sidecar.exchange.test_filters import named, rbac
from tests.sidecar.policy.tokens import jwk, jwks, token

pytestmark = pytest.mark.integration

_TYPES = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3."
PROVIDER: dict[str, Any] = {
    "issuer": "me",
    "local_jwks": {"inline_string": jwks(jwk("ES256", kid="k"))},
    "payload_in_metadata": "payload",
    "forward_payload_header": "x-payload",
    "claim_to_headers": [{"header_name": "x-sub", "claim_name": "sub"}],
}
REQUIRED = {"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}


def jwt(**fields: Any) -> dict[str, Any]:
    return {"@type": f"{_TYPES}JwtAuthentication", "providers": {"p": PROVIDER}, "rules": [REQUIRED], **fields}


def groups(wanted: str) -> dict[str, Any]:
    value = {"list_match": {"one_of": {"string_match": {"exact": wanted}}}}
    path = [{"key": "payload"}, {"key": "groups"}]
    return {"metadata": {"filter": "envoy.filters.http.jwt_authn", "path": path, "value": value}}


def bearer(text: str) -> str:
    return f"authorization: Bearer {text}\r\n"


async def test_refused() -> None:
    async with running(hcm(route("/", cluster="b"), filters=(named("j", jwt()),)), cluster("b", 1)) as proxy:
        status, head, body = await call(proxy.port(), "/x?y")
        record = await proxy.records.last()
        assert (status, body) == (401, b"Jwt is missing")
        assert b'www-authenticate: Bearer realm="http://a.test/x?y"\r\n' in head
        assert record.details == "jwt_authn_access_denied{Jwt_is_missing}"
        assert proxy.value("http.t.jwt_authn.denied") == 1


async def test_what_goes_on() -> None:
    echo = Echo()
    filters = (named("j", jwt()),)
    async with (
        backend(echo) as port,
        running(hcm(route("/", cluster="b"), filters=filters), cluster("b", port)) as proxy,
    ):
        forged = "x-sub: forged\r\nx-payload: forged\r\n"
        assert (await call(proxy.port(), "/", headers=bearer(token("ES256")) + forged))[0] == 200
        assert proxy.value("http.t.jwt_authn.allowed") == 1
    assert b"x-sub: you\r\n" in echo.heads[0]
    assert b"authorization" not in echo.heads[0]
    assert b"forged" not in echo.heads[0]


async def test_payloads_are_metadata_for_rules() -> None:
    filters = (named("j", jwt()), named("r", rbac(groups("admin"), "ALLOW")))
    async with (
        backend(Echo()) as port,
        running(hcm(route("/", cluster="b"), filters=filters), cluster("b", port)) as proxy,
    ):
        for listed, status in ((["x", "admin"], 200), (["x"], 403), ("admin", 403)):
            assert (await call(proxy.port(), "/", headers=bearer(token("ES256", groups=listed))))[0] == status
