"""Access rules as tables: every kind of permission and principal, and what action and order make of them."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.rbac import Rules
from sidecar.config.refusal import Refused
from sidecar.policy.rbac import AccessRules, Subject, Verdict
from tests.sidecar.routing.requests import get

ANY: dict[str, Any] = {"any": True}
SUBJECT = Subject(
    remote_ip="10.1.2.3",
    direct_remote_ip="192.168.0.1",
    destination_ip="10.0.0.9",
    destination_port=8080,
    server_name="a.test",
    authenticated=True,
    names=("spiffe://td/ns/a/sa/b", "b.a"),
)
HEAD = get("/admin/x?q=/open", user="jason")


def rules(action: str = "ALLOW", **policies: tuple[Any, Any]) -> AccessRules:
    made = {name: {"permissions": [one], "principals": [other]} for name, (one, other) in policies.items()}
    return AccessRules(decode(Rules, {"action": action, "policies": made}))


def fits(permission: Any, principal: Any = ANY, subject: Subject = SUBJECT) -> bool:
    return rules(p=(permission, principal)).decide(HEAD, subject).allowed


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        (ANY, True),
        ({"any": False}, False),
        ({"header": {"name": "user", "string_match": {"exact": "jason"}}}, True),
        ({"header": {"name": "user", "string_match": {"exact": "other"}}}, False),
        ({"header": {"name": ":method", "string_match": {"exact": "GET"}}}, True),
        ({"url_path": {"path": {"prefix": "/admin"}}}, True),
        ({"url_path": {"path": {"suffix": "/open"}}}, False),
        ({"destination_ip": {"address_prefix": "10.0.0.0", "prefix_len": 24}}, True),
        ({"destination_ip": {"address_prefix": "10.1.0.0", "prefix_len": 16}}, False),
        ({"destination_port": 8080}, True),
        ({"destination_port": 80}, False),
        ({"destination_port_range": {"start": 8080, "end": 8081}}, True),
        ({"destination_port_range": {"start": 8000, "end": 8080}}, False),
        ({"requested_server_name": {"suffix": ".test"}}, True),
        ({"not_rule": {"destination_port": 80}}, True),
        ({"and_rules": {"rules": [ANY, {"destination_port": 80}]}}, False),
        ({"or_rules": {"rules": [{"destination_port": 80}, ANY]}}, True),
    ],
)
def test_permissions(permission: Any, expected: bool) -> None:
    assert fits(permission) is expected


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ({"authenticated": {}}, True),
        ({"authenticated": {"principal_name": {"exact": "spiffe://td/ns/a/sa/b"}}}, True),
        ({"authenticated": {"principal_name": {"exact": "b.a"}}}, True),
        ({"authenticated": {"principal_name": {"prefix": "spiffe://td/ns/b/"}}}, False),
        ({"remote_ip": {"address_prefix": "10.1.2.0", "prefix_len": 24}}, True),
        ({"remote_ip": {"address_prefix": "192.168.0.0", "prefix_len": 16}}, False),
        ({"direct_remote_ip": {"address_prefix": "192.168.0.0", "prefix_len": 16}}, True),
        ({"source_ip": {"address_prefix": "192.168.0.1", "prefix_len": 32}}, True),
        ({"header": {"name": "user", "present_match": True}}, True),
        ({"url_path": {"path": {"exact": "/admin/x"}}}, True),
        ({"not_id": {"authenticated": {}}}, False),
        ({"and_ids": {"ids": [{"authenticated": {}}, {"any": False}]}}, False),
        ({"or_ids": {"ids": [{"any": False}, {"authenticated": {}}]}}, True),
    ],
)
def test_principals(principal: Any, expected: bool) -> None:
    assert fits(ANY, principal) is expected


def test_nobody_is_not_somebody() -> None:
    nobody = SUBJECT._replace(authenticated=False, names=())
    assert not fits(ANY, {"authenticated": {}}, nobody)
    assert not fits(ANY, {"authenticated": {"principal_name": {"prefix": "s"}}}, nobody)


@pytest.mark.parametrize("address", ["", "/run/pod.sock", "::1"])
def test_no_address_is_in_no_network(address: str) -> None:
    network = {"remote_ip": {"address_prefix": "0.0.0.0", "prefix_len": 0}}
    assert not fits(ANY, network, SUBJECT._replace(remote_ip=address))


def test_ipv4_written_as_ipv6_is_ipv4() -> None:
    network = {"remote_ip": {"address_prefix": "10.1.2.0", "prefix_len": 24}}
    assert fits(ANY, network, SUBJECT._replace(remote_ip="::ffff:10.1.2.3"))


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("ALLOW", (Verdict(True, "b"), Verdict(False, ""))),
        ("DENY", (Verdict(False, "b"), Verdict(True, ""))),
        ("LOG", (Verdict(True, "b"), Verdict(True, ""))),
    ],
)
def test_actions_and_the_order_of_names(action: str, expected: tuple[Verdict, Verdict]) -> None:
    never = ({"any": False}, ANY)
    fitting = rules(action, c=(ANY, ANY), b=(ANY, ANY), a=never)
    assert (fitting.decide(HEAD, SUBJECT), rules(action, a=never).decide(HEAD, SUBJECT)) == expected


def test_no_policies() -> None:
    assert not rules("ALLOW").decide(HEAD, SUBJECT).allowed
    assert rules("DENY").decide(HEAD, SUBJECT).allowed


@pytest.mark.parametrize(
    ("permission", "principal", "same"),
    [
        ({"url_path": {"path": {"exact": "/"}}}, {"authenticated": {}}, True),
        ({"not_rule": {"or_rules": {"rules": [{"destination_port": 1}]}}}, ANY, False),
        (ANY, {"remote_ip": {"address_prefix": "::", "prefix_len": 0}}, False),
        ({"header": {"name": "X-Request-Id", "present_match": True}}, ANY, False),
    ],
)
def test_what_the_bytes_decide(permission: Any, principal: Any, same: bool) -> None:
    assert rules(p=(permission, principal)).same_for_same_bytes is same


@pytest.mark.parametrize(
    ("permission", "path"),
    [
        ({"destination_ip": {"address_prefix": "x"}}, "policies[p].permissions[0].destination_ip"),
        ({"and_rules": {"rules": [ANY, {"url_path": {"path": {"safe_regex": {"regex": "("}}}}]}}, "policies[p]"),
    ],
)
def test_refusals_name_the_rule(permission: Any, path: str) -> None:
    with pytest.raises(Refused) as refused:
        rules(p=(permission, ANY))
    assert refused.value.refusal.path.startswith(path)
