"""Connection managers of both sides and of gateways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mesh.translate.http_manager import Side, connection_manager, http_filters
from tests.support.compiled import state


def manager(side: Side) -> dict[str, Any]:
    mesh = state()
    proxy = mesh.workloads[("default", "reviews-v1-a")]
    found: dict[str, Any] = connection_manager(mesh, proxy, side, stat_prefix="x", routes="9080")["typed_config"]
    return found


def test_routes_by_name_or_in_place() -> None:
    assert manager(Side.OUTBOUND)["rds"]["route_config_name"] == "9080"
    mesh = state()
    proxy = mesh.workloads[("default", "reviews-v1-a")]
    found = connection_manager(mesh, proxy, Side.INBOUND, stat_prefix="x", routes={"name": "r"})["typed_config"]
    assert found["route_config"] == {"name": "r"}


@pytest.mark.parametrize(
    ("side", "server", "details", "remote"),
    [
        (Side.OUTBOUND, None, None, False),
        (Side.INBOUND, "istio-envoy", "APPEND_FORWARD", False),
        (Side.GATEWAY, "istio-envoy", "SANITIZE_SET", True),
    ],
)
def test_what_differs(side: Side, server: str | None, details: str | None, remote: bool) -> None:
    found = manager(side)
    assert found.get("server_name") == server
    assert found.get("forward_client_cert_details") == details
    assert found["use_remote_address"] is remote


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [
        ("NONE", (False, False, "KEEP_UNCHANGED")),
        ("BASE", (True, False, "KEEP_UNCHANGED")),
        ("MERGE_SLASHES", (True, True, "KEEP_UNCHANGED")),
        ("DECODE_AND_MERGE_SLASHES", (True, True, "UNESCAPE_AND_FORWARD")),
    ],
)
def test_path_normalization(normalization: str, expected: tuple[bool, bool, str]) -> None:
    mesh = state()
    mesh = replace(mesh, mesh_config=replace(mesh.mesh_config, path_normalization=normalization))
    proxy = mesh.workloads[("default", "reviews-v1-a")]
    found = connection_manager(mesh, proxy, Side.INBOUND, stat_prefix="x", routes="9080")["typed_config"]
    got = found["normalize_path"], found.get("merge_slashes", False), found["path_with_escaped_slashes_action"]
    assert got == expected


def test_filter_order() -> None:
    assert [one["name"] for one in http_filters(Side.INBOUND)] == [
        "istio.metadata_exchange",
        "envoy.filters.http.fault",
        "envoy.filters.http.cors",
        "istio.stats",
        "envoy.filters.http.router",
    ]
    assert "downstream_discovery" in http_filters(Side.INBOUND)[0]["typed_config"]
    assert "upstream_propagation" in http_filters(Side.OUTBOUND)[0]["typed_config"]
