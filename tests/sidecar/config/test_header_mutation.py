"""Header mutations: one of three kinds each; what else Envoy mutates is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.header_mutation import HeaderMutation
from tests.sidecar.config.tables import refusal


def test_taken() -> None:
    found = decode(HeaderMutation, {"mutations": {"request_mutations": [{"remove": "x"}]}})
    assert found.mutations.request_mutations[0].remove == "x"
    assert not found.most_specific_header_mutations_wins


@pytest.mark.parametrize(
    ("mutations", "path"),
    [
        ({"request_mutations": [{}]}, "mutations.request_mutations[0]"),
        ({"query_parameter_mutations": []}, "mutations.query_parameter_mutations"),
        ({"response_trailers_mutations": []}, "mutations.response_trailers_mutations"),
    ],
)
def test_refused(mutations: dict[str, Any], path: str) -> None:
    assert refusal(HeaderMutation, {"mutations": mutations}).path == path
