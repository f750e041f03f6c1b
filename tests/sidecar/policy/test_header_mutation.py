"""Mutations in order, removal by name pattern, and which level comes last."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.header_mutation import Mutations as Config
from sidecar.config.refusal import Refused
from sidecar.policy.header_mutation import Mutations, RouteMutations, in_order
from sidecar.protocol.message import Headers, RequestHead
from sidecar.telemetry.record import ExchangeRecord


def compiled(*changes: dict[str, Any]) -> Mutations:
    return Mutations(decode(Config, {"request_mutations": list(changes)}))


def add(name: str, value: str) -> dict[str, Any]:
    return {"append": {"header": {"key": name, "value": value}}}


def after(mutations: Mutations, *pairs: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    head = RequestHead(b"GET", b"/", headers=Headers(pairs))
    for change in mutations.request:
        change(head.headers, head, None, ExchangeRecord())
    return list(head.headers)


def test_one_after_the_other() -> None:
    assert after(compiled(add("a", "1"), {"remove": "A"}, add("a", "2"))) == [(b"a", b"2")]


def test_removal_by_pattern() -> None:
    drop = {"remove_on_match": {"key_matcher": {"prefix": "x-"}}}
    assert after(compiled(drop), (b"X-A", b"1"), (b"x-b", b"2"), (b"y", b"3")) == [(b"y", b"3")]


@pytest.mark.parametrize(("wins", "expected"), [(True, ["own", "outer", "inner"]), (False, ["own", "inner", "outer"])])
def test_order_of_levels(wins: bool, expected: list[str]) -> None:
    own, inner, outer = (compiled(add("a", name)) for name in ("own", "inner", "outer"))
    levels = in_order(own, RouteMutations((inner, outer)), most_specific_wins=wins)
    assert [after(level)[0][1].decode() for level in levels] == expected
    assert in_order(own, None, most_specific_wins=wins) == (own,)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (add(":path", "/"), "request_mutations[0].append.header"),
        ({"remove": "host"}, "request_mutations[0].remove"),
    ],
)
def test_refused(change: dict[str, Any], path: str) -> None:
    with pytest.raises(Refused) as refused:
        compiled(change)
    assert refused.value.refusal.path == path
