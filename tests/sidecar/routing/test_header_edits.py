"""Edits of one level: removals first, then each action."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.core import HeaderValueOption
from sidecar.config.decode import decode
from sidecar.config.refusal import Refused
from sidecar.routing.header_edits import NO_EDITS, compile_edits
from sidecar.telemetry.record import ExchangeRecord
from tests.sidecar.routing.requests import get


def option(key: str, value: str = "new", **fields: Any) -> HeaderValueOption:
    return decode(HeaderValueOption, {"header": {"key": key, "value": value}, **fields})


@pytest.mark.parametrize(
    ("action", "present", "absent"),
    [
        ("APPEND_IF_EXISTS_OR_ADD", [b"old", b"new"], [b"new"]),
        ("ADD_IF_ABSENT", [b"old"], [b"new"]),
        ("OVERWRITE_IF_EXISTS_OR_ADD", [b"new"], [b"new"]),
        ("OVERWRITE_IF_EXISTS", [b"new"], []),
    ],
)
def test_actions(action: str, present: list[bytes], absent: list[bytes]) -> None:
    edits = compile_edits([option("X-H", append_action=action)], [], "request_headers")
    with_header, without = get(x_h="old"), get()
    for head in (with_header, without):
        edits.apply(head.headers, head, None, ExchangeRecord())
    assert with_header.headers.get_all(b"x-h") == present
    assert without.headers.get_all(b"x-h") == absent


def test_removed_before_added() -> None:
    edits = compile_edits([option("x-h")], ["X-H"], "request_headers")
    head = get(x_h="old")
    edits.apply(head.headers, head, None, ExchangeRecord())
    assert head.headers.get_all(b"x-h") == [b"new"]


def test_an_empty_value_adds_nothing_unless_kept() -> None:
    edits = compile_edits([option("a", "%REQ(none)%"), option("b", "", keep_empty_value=True)], [], "request_headers")
    head = get()
    edits.apply(head.headers, head, None, ExchangeRecord())
    assert list(head.headers) == [(b"b", b"")]


def test_nothing_is_one_object() -> None:
    assert compile_edits([], [], "request_headers") is NO_EDITS
    assert not NO_EDITS


@pytest.mark.parametrize(
    ("additions", "removals", "path"),
    [
        ([option("a"), option(":path")], [], "request_headers_to_add[1].header.key"),
        ([option("Host")], [], "request_headers_to_add[0].header.key"),
        ([option("a b")], [], "request_headers_to_add[0].header.key"),
        ([option("a", "%X%")], [], "request_headers_to_add[0].header.value"),
        ([], ["a", ":method"], "request_headers_to_remove[1]"),
    ],
)
def test_refused(additions: list[HeaderValueOption], removals: list[str], path: str) -> None:
    with pytest.raises(Refused) as caught:
        compile_edits(additions, removals, "request_headers")
    assert caught.value.refusal.path == path
