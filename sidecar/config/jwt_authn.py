"""envoy.extensions.filters.http.jwt_authn.v3: who signs tokens, where requests carry them, which need one."""

from __future__ import annotations

from sidecar.config.core import DataSource, Empty
from sidecar.config.message import Message, UInt32
from sidecar.config.route_match import RouteMatch

CLOCK_SKEW_S = 60


class JwtHeader(Message, frozen=True, kw_only=True):
    name: str
    value_prefix: str = ""


class JwtClaimToHeader(Message, frozen=True, kw_only=True):
    """`claim_name` may be a path, its steps parted by dots."""

    header_name: str
    claim_name: str


class NormalizePayload(Message, frozen=True, kw_only=True):
    space_delimited_claims: tuple[str, ...] = ()
    """Such a string is a list in the metadata."""


class JwtProvider(Message, frozen=True, kw_only=True):
    """Keys are in the configuration: `remote_jwks` is refused, as a control plane resolves it."""

    issuer: str = ""
    """"" = any."""
    audiences: tuple[str, ...] = ()
    local_jwks: DataSource
    forward: bool = False
    from_headers: tuple[JwtHeader, ...] = ()
    from_params: tuple[str, ...] = ()
    from_cookies: tuple[str, ...] = ()
    forward_payload_header: str = ""
    pad_forward_payload_header: bool = False
    payload_in_metadata: str = ""
    normalize_payload_in_metadata: NormalizePayload = NormalizePayload()
    clock_skew_seconds: UInt32 = CLOCK_SKEW_S
    claim_to_headers: tuple[JwtClaimToHeader, ...] = ()

    def problem(self) -> tuple[str, str] | None:
        if self.local_jwks.inline is None:
            return "local_jwks", "only inline_string and inline_bytes are supported"
        return None


class ProviderWithAudiences(Message, frozen=True, kw_only=True):
    provider_name: str
    audiences: tuple[str, ...] = ()


class JwtRequirementList(Message, frozen=True, kw_only=True):
    requirements: tuple[JwtRequirement, ...]

    def problem(self) -> tuple[str, str] | None:
        return None if len(self.requirements) >= 2 else ("requirements", "must have two at least")


class JwtRequirement(Message, frozen=True, kw_only=True):
    """None of them = a token is not needed, and not looked for."""

    AT_MOST_ONE = (
        (
            "provider_name", "provider_and_audiences", "requires_any", "requires_all", "allow_missing_or_failed",
            "allow_missing",
        ),
    )  # fmt: skip

    provider_name: str | None = None
    provider_and_audiences: ProviderWithAudiences | None = None
    requires_any: JwtRequirementList | None = None
    requires_all: JwtRequirementList | None = None
    allow_missing_or_failed: Empty | None = None
    allow_missing: Empty | None = None


class RequirementRule(Message, frozen=True, kw_only=True):
    AT_MOST_ONE = (("requires", "requirement_name"),)

    match: RouteMatch
    requires: JwtRequirement | None = None
    requirement_name: str | None = None


class JwtAuthentication(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"

    providers: dict[str, JwtProvider] = {}
    rules: tuple[RequirementRule, ...] = ()
    """The first that matches holds; a request that none matches needs no token."""
    requirement_map: dict[str, JwtRequirement] = {}
    bypass_cors_preflight: bool = False
    stat_prefix: str = ""


class JwtPerRoute(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig"
    EXACTLY_ONE = (("disabled", "requirement_name"),)

    disabled: bool | None = None
    requirement_name: str | None = None

    def problem(self) -> tuple[str, str] | None:
        return ("disabled", "must be true") if self.disabled is False else None
