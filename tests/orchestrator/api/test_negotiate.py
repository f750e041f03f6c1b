"""What clients accept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.api.negotiate import parse_accept, representation, wants_aggregated, wants_yaml

KUBECTL = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "object"),
        ("*/*", "object"),
        ("application/json", "object"),
        (KUBECTL, "table"),
        ("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", "metadata"),
        ("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json", "metadata-list"),
        ("application/vnd.kubernetes.protobuf,application/json", "object"),
        ("application/vnd.kubernetes.protobuf", "object"),
        ("image/png", None),
    ],
)
def test_representation(header: str, expected: str | None) -> None:
    assert representation(header) == expected


def test_words() -> None:
    assert wants_aggregated(AGGREGATED) == "v2"
    assert wants_aggregated("application/json") == ""
    assert wants_yaml("application/yaml")
    assert not wants_yaml("")


@given(st.text(max_size=80))
def test_any_header(header: str) -> None:
    parse_accept(header)
    representation(header)
