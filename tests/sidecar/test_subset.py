"""The documented subset is what the decoder reads, and the committed page says so."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sidecar.config.route_match import RouteMatch
from sidecar.config.tcp_proxy import TcpProxy
from sidecar.subset import document, messages

PAGE = Path(__file__).resolve().parents[2] / "docs" / "envoy-subset.md"


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text() == document(), "make docs"


def test_every_message_and_field_is_there() -> None:
    found = messages()
    assert {RouteMatch, TcpProxy} <= set(found)
    sections = {part.partition("\n")[0]: part for part in document().split("\n## ")}
    for message in found:
        for field in msgspec.structs.fields(message):
            assert f"| `{field.name}` |" in sections[message.__name__], f"{message.__name__}.{field.name}"


def test_names_are_distinct() -> None:
    """They are the anchors of the page."""
    names = [message.__name__ for message in messages()]
    assert len(set(names)) == len(names)


def test_a_row() -> None:
    assert "| `timeout` | duration | `15` | 0 = none. |" in document()
    assert "| `match` | [RouteMatch](#routematch) | required | |" in document()
