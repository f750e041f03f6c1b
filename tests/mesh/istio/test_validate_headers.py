"""Header names and Envoy's format commands."""

from __future__ import annotations

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_headers import check_header_edits, format_problem, header_authority


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("plain", True),
        ("100%%", True),
        ("%REQ(x-a)%", True),
        ("%REQ(:path):10% and %HOSTNAME%", True),
        ("100%", False),
        ("%NOPE%", False),
        ("%REQ(x-a)", False),
    ],
)
def test_format(value: str, valid: bool) -> None:
    assert (format_problem(value) == "") is valid


def test_names() -> None:
    found = Findings()
    check_header_edits(found, {"request": {"set": {":path": "/", ":authority": "a"}, "remove": ["", "ok"]}})
    assert [message.path for message in found.errors] == ["request.set[:path]", "request.remove[0]"]


def test_authority() -> None:
    assert header_authority({"request": {"add": {"HOST": "a"}}})
    assert not header_authority({"response": {"add": {"host": "a"}}})
