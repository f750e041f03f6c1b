"""PeerAuthentications as a table."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.istio.findings import Findings
from mesh.istio.validate_peer_authentication import validate_peer_authentication

SELECTOR = {"matchLabels": {"app": "a"}}


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({}, []),
        ({"mtls": {"mode": "STRICT"}}, []),
        ({"mtls": {"mode": "MAYBE"}}, ["spec.mtls.mode"]),
        ({"portLevelMtls": {"80": {"mode": "STRICT"}}}, ["spec.portLevelMtls"]),
        ({"selector": SELECTOR, "portLevelMtls": {"0": {"mode": "X"}}},
         ["spec.portLevelMtls[0]", "spec.portLevelMtls[0].mode"]),
        ({"selector": {"matchLabels": {"app": "a*"}}}, ["spec.selector.matchLabels"]),
    ],
)  # fmt: skip
def test_errors(spec: dict[str, Any], paths: list[str]) -> None:
    found = Findings("spec")
    validate_peer_authentication(found, spec, "default")
    assert [message.path for message in found.errors] == paths
