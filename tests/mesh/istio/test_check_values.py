"""Leaf checks as tables."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.check_values import (
    check_duration,
    check_exports,
    check_labels,
    check_percent,
    check_port,
    check_regex,
    check_selector,
    check_string_match,
    host_problem,
    is_cidr,
    is_ip,
)
from mesh.istio.findings import Findings


@pytest.mark.parametrize(
    ("host", "wildcard", "valid"),
    [
        ("reviews", True, True),
        ("a.b-c.com", True, True),
        ("*.foo.com", True, True),
        ("*foo.com", True, True),
        ("*", True, True),
        ("*.foo.com", False, False),
        ("foo.*", True, False),
        ("a/b", True, False),
        ("", True, False),
        ("a_b.com", True, False),
        ("outbound_.80_._.reviews.default.svc.cluster.local", True, True),
        ("x" * 64 + ".com", True, False),
        (".".join(["a"] * 200), True, False),
    ],
)
def test_hosts(host: str, wildcard: bool, valid: bool) -> None:
    assert (host_problem(host, wildcard=wildcard) == "") is valid


@pytest.mark.parametrize(
    ("value", "zero", "valid"),
    [("1ms", False, True), ("0.5ms", False, False), ("1.0001s", False, False), ("0s", False, False), ("0s", True, True),
     ("x", False, False), ("-1s", False, False)],
)  # fmt: skip
def test_durations(value: str, zero: bool, valid: bool) -> None:
    found = Findings()
    check_duration(found, {"t": value}, "t", zero=zero)
    assert found.verdict().valid is valid


@pytest.mark.parametrize(
    ("targets", "valid"),
    [(["*"], True), (["."], True), (["ns1", "ns2"], True), (["*", "a"], False), (["a", "a"], False),
     (["~", "."], False), (["a/b"], False)],
)  # fmt: skip
def test_exports(targets: list[str], valid: bool) -> None:
    found = Findings()
    check_exports(found, targets)
    assert found.verdict().valid is valid


@pytest.mark.parametrize(
    ("value", "valid"), [(None, True), ({"value": 0.1}, True), ({"value": 101}, False), (-1, False)]
)
def test_percentages(value: Any, valid: bool) -> None:
    found = Findings()
    check_percent(found, value, "p")
    assert found.verdict().valid is valid


@pytest.mark.parametrize(("number", "valid"), [(1, True), (65535, True), (0, False), (65536, False), (None, False)])
def test_ports(number: Any, valid: bool) -> None:
    found = Findings()
    check_port(found, number)
    assert found.verdict().valid is valid


def test_expressions_are_re2() -> None:
    found = Findings()
    check_regex(found, "a(?=b)", "x")
    check_regex(found, "a" * 1025, "y")
    check_regex(found, "[a-z]+", "z")
    check_string_match(found, {"prefix": ""}, "w")
    check_string_match(found, {"regex": "*"}, "v")
    assert [message.path for message in found.errors] == ["x", "y", "w.prefix"]


def test_labels_and_selectors() -> None:
    found = Findings()
    check_labels(found, {"app": "ok", "a b": "x"}, "labels")
    check_selector(found, {"app": "*"}, "selector")
    assert [message.path for message in found.errors] == ["labels", "selector"]


def test_addresses() -> None:
    assert is_ip("1.2.3.4") and is_ip("::1") and not is_ip("1.2.3.4/8")
    assert is_cidr("1.2.3.4/8") and not is_cidr("1.2.3.4") and not is_cidr("a/8")
