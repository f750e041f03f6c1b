"""Options of the API server."""

from __future__ import annotations

from pathlib import Path

from orchestrator.api.options import ApiOptions


def test_defaults() -> None:
    options = ApiOptions(home=Path("/x"))
    assert (options.host, options.port, options.context) == ("127.0.0.1", 0, "pocketmesh")
    assert options.event_ttl_s == 3600
