"""envoy.config.rbac.v3: who may do what, as trees of permissions and principals; and the HTTP filter that asks."""

from __future__ import annotations

from typing import Annotated, Literal

from sidecar.config.core import CidrRange
from sidecar.config.matching import HeaderMatcher, StringMatcher
from sidecar.config.message import Message, Port, Range
from sidecar.config.metadata_match import MetadataMatcher

PORT_END = Range(1, 65536)


class PathMatcher(Message, frozen=True, kw_only=True):
    """Of the path without its query."""

    path: StringMatcher


class PortRange(Message, frozen=True, kw_only=True):
    """Half open: start <= port < end."""

    start: Port = 0
    end: Annotated[int, PORT_END]


class SourcedMetadata(Message, frozen=True, kw_only=True):
    """Only what filters said of the request; a route's metadata is refused."""

    metadata_matcher: MetadataMatcher
    metadata_source: Literal["DYNAMIC"] = "DYNAMIC"


class PermissionSet(Message, frozen=True, kw_only=True):
    rules: tuple[Permission, ...]

    def problem(self) -> tuple[str, str] | None:
        return None if self.rules else ("rules", "must not be empty")


class Permission(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (
        (
            "and_rules", "or_rules", "any", "header", "url_path", "destination_ip", "destination_port",
            "destination_port_range", "metadata", "sourced_metadata", "not_rule", "requested_server_name",
        ),
    )  # fmt: skip

    and_rules: PermissionSet | None = None
    or_rules: PermissionSet | None = None
    any: bool | None = None
    header: HeaderMatcher | None = None
    url_path: PathMatcher | None = None
    destination_ip: CidrRange | None = None
    destination_port: Port | None = None
    destination_port_range: PortRange | None = None
    metadata: MetadataMatcher | None = None
    sourced_metadata: SourcedMetadata | None = None
    not_rule: Permission | None = None
    requested_server_name: StringMatcher | None = None


class PrincipalSet(Message, frozen=True, kw_only=True):
    ids: tuple[Principal, ...]

    def problem(self) -> tuple[str, str] | None:
        return None if self.ids else ("ids", "must not be empty")


class Authenticated(Message, frozen=True, kw_only=True):
    """`principal_name` is compared with the URI and DNS names of the certificate, or its subject if it has none."""

    principal_name: StringMatcher | None = None
    """None = anybody with a verified certificate."""


class Principal(Message, frozen=True, kw_only=True):
    EXACTLY_ONE = (
        (
            "and_ids", "or_ids", "any", "authenticated", "source_ip", "direct_remote_ip", "remote_ip", "header",
            "url_path", "metadata", "sourced_metadata", "not_id",
        ),
    )  # fmt: skip

    and_ids: PrincipalSet | None = None
    or_ids: PrincipalSet | None = None
    any: bool | None = None
    authenticated: Authenticated | None = None
    source_ip: CidrRange | None = None
    """Deprecated in Envoy: the address of the connection's other end."""
    direct_remote_ip: CidrRange | None = None
    remote_ip: CidrRange | None = None
    """The client, from the PROXY header where there is one."""
    header: HeaderMatcher | None = None
    url_path: PathMatcher | None = None
    metadata: MetadataMatcher | None = None
    sourced_metadata: SourcedMetadata | None = None
    not_id: Principal | None = None


class Policy(Message, frozen=True, kw_only=True):
    """Fits when one permission and one principal do."""

    permissions: tuple[Permission, ...]
    principals: tuple[Principal, ...]

    def problem(self) -> tuple[str, str] | None:
        for field in ("permissions", "principals"):
            if not getattr(self, field):
                return field, "must not be empty"
        return None


class Rules(Message, frozen=True, kw_only=True):
    """LOG always allows (Envoy marks such requests in dynamic metadata, which nothing here reads)."""

    action: Literal["ALLOW", "DENY", "LOG"] = "ALLOW"
    policies: dict[str, Policy] = {}


class Rbac(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.http.rbac.v3.RBAC"

    rules: Rules | None = None
    """None = the filter lets everything pass."""
    rules_stat_prefix: str = ""
    shadow_rules: Rules | None = None
    """Only counted."""
    shadow_rules_stat_prefix: str = ""


class RbacPerRoute(Message, frozen=True, kw_only=True):
    TYPE = "envoy.extensions.filters.http.rbac.v3.RBACPerRoute"

    rbac: Rbac | None = None
    """None = the filter is off for the route."""
