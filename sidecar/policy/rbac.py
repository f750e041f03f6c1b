"""Role-based access control: a tree of conditions compiled once into functions of the request and its connection.

Rules: Envoy's RBAC filter (docs: http_filters/rbac_filter). ALLOW: a request passes when a policy fits; DENY: when none
does. Policies are tried in the order of their names, and the name of the one that decided goes to the access log.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from sidecar.config.core import CidrRange
from sidecar.config.matching import StringMatcher
from sidecar.config.metadata_match import MetadataMatcher
from sidecar.config.rbac import Permission, Principal, Rules
from sidecar.config.refusal import Refused
from sidecar.policy.metadata_match import NO_METADATA, Metadata, metadata_condition
from sidecar.protocol.message import GENERATED, RequestHead
from sidecar.routing.conditions import header_condition, string_predicate


class Subject(NamedTuple):
    """What is asked about beside the head: addresses as text, port of the destination, names of the certificate."""

    remote_ip: str
    direct_remote_ip: str
    destination_ip: str
    destination_port: int
    server_name: str
    authenticated: bool
    names: tuple[str, ...]
    """URI and DNS names of a verified peer, or its subject if it has neither."""
    metadata: Metadata = NO_METADATA


Condition = Callable[[RequestHead, Subject], bool]
T = TypeVar("T")


class Verdict(NamedTuple):
    allowed: bool
    policy: str
    """The one that fits; "" = none."""


class AccessRules:
    """`same_for_same_bytes`: a head and a certificate decide, not addresses, nor fields made for each request."""

    __slots__ = ("_deny", "_logs", "_policies", "same_for_same_bytes")

    def __init__(self, config: Rules) -> None:
        """Raises `Refused`."""
        self._deny = config.action == "DENY"
        self._logs = config.action == "LOG"
        self.same_for_same_bytes = True
        policies = []
        for name in sorted(config.policies):
            policy = config.policies[name]
            try:
                permitted = _any(self._compile(policy.permissions, self._permission, "permissions"))
                who = _any(self._compile(policy.principals, self._principal, "principals"))
            except Refused as refused:
                raise refused.at(f"policies[{name}]") from None
            policies.append((name, permitted, who))
        self._policies = tuple(policies)

    def decide(self, head: RequestHead, subject: Subject) -> Verdict:
        for name, permitted, who in self._policies:
            if permitted(head, subject) and who(head, subject):
                return Verdict(not self._deny, name)
        return Verdict(self._deny or self._logs, "")

    def _compile(self, rules: Iterable[T], one: Callable[[T], Condition], field: str) -> tuple[Condition, ...]:
        found = []
        for index, rule in enumerate(rules):
            try:
                found.append(one(rule))
            except Refused as refused:
                raise refused.at(f"{field}[{index}]") from None
        return tuple(found)

    def _permission(self, rule: Permission) -> Condition:
        if rule.and_rules is not None:
            return _all(self._compile(rule.and_rules.rules, self._permission, "and_rules.rules"))
        if rule.or_rules is not None:
            return _any(self._compile(rule.or_rules.rules, self._permission, "or_rules.rules"))
        if rule.not_rule is not None:
            return _not(self._permission(rule.not_rule))
        if rule.requested_server_name is not None:
            named = string_predicate(rule.requested_server_name)
            return self._varying(lambda head, subject: named(subject.server_name.encode()))
        if rule.destination_ip is not None:
            inside = _network(rule.destination_ip, "destination_ip")
            return self._varying(lambda head, subject: inside(subject.destination_ip))
        if rule.destination_port is not None:
            port = rule.destination_port
            return self._varying(lambda head, subject: subject.destination_port == port)
        if rule.destination_port_range is not None:
            ports = range(rule.destination_port_range.start, rule.destination_port_range.end)
            return self._varying(lambda head, subject: subject.destination_port in ports)
        return self._common(rule)

    def _principal(self, rule: Principal) -> Condition:
        if rule.and_ids is not None:
            return _all(self._compile(rule.and_ids.ids, self._principal, "and_ids.ids"))
        if rule.or_ids is not None:
            return _any(self._compile(rule.or_ids.ids, self._principal, "or_ids.ids"))
        if rule.not_id is not None:
            return _not(self._principal(rule.not_id))
        if rule.authenticated is not None:
            return _authenticated(rule.authenticated.principal_name)
        if rule.remote_ip is not None:
            inside = _network(rule.remote_ip, "remote_ip")
            return self._varying(lambda head, subject: inside(subject.remote_ip))
        if (direct := rule.direct_remote_ip or rule.source_ip) is not None:
            near = _network(direct, "direct_remote_ip" if rule.direct_remote_ip is not None else "source_ip")
            return self._varying(lambda head, subject: near(subject.direct_remote_ip))
        return self._common(rule)

    def _common(self, rule: Permission | Principal) -> Condition:
        """What both kinds of rules may ask."""
        if rule.header is not None:
            if rule.header.name.lower().encode() in GENERATED:
                self.same_for_same_bytes = False
            fits = header_condition(rule.header)
            return lambda head, subject: fits(head)
        if rule.url_path is not None:
            path = string_predicate(rule.url_path.path)
            return lambda head, subject: path(head.path.partition(b"?")[0])
        if rule.metadata is not None:
            return self._varying(_said(rule.metadata, "metadata"))
        if rule.sourced_metadata is not None:
            return self._varying(_said(rule.sourced_metadata.metadata_matcher, "sourced_metadata.metadata_matcher"))
        wanted = bool(rule.any)
        return lambda head, subject: wanted

    def _varying(self, condition: Condition) -> Condition:
        self.same_for_same_bytes = False
        return condition


def _all(conditions: tuple[Condition, ...]) -> Condition:
    return lambda head, subject: all(one(head, subject) for one in conditions)


def _any(conditions: tuple[Condition, ...]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    return lambda head, subject: any(one(head, subject) for one in conditions)


def _not(condition: Condition) -> Condition:
    return lambda head, subject: not condition(head, subject)


def _authenticated(name: StringMatcher | None) -> Condition:
    if name is None:
        return lambda head, subject: subject.authenticated
    fits = string_predicate(name)
    return lambda head, subject: any(fits(one.encode()) for one in subject.names)


def _said(matcher: MetadataMatcher, field: str) -> Condition:
    try:
        fits = metadata_condition(matcher)
    except Refused as refused:
        raise refused.at(field) from None
    return lambda head, subject: fits(subject.metadata)


def _network(config: CidrRange, field: str) -> Callable[[str], bool]:
    try:
        network = ipaddress.ip_network((config.address_prefix, config.prefix_len), strict=False)
    except ValueError as error:
        raise Refused(str(error), field) from None

    def inside(address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:  # a UNIX socket has no address
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return (mapped or parsed) in network

    return inside
