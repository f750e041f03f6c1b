"""The debug endpoints of the real control plane, through a token that the API server made."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.cli.debug import ask
from mesh.cli.home import DOWN, running
from mesh.cli.output import Failure
from mesh.control_plane import ControlPlane
from orchestrator.api.server import ApiServer
from tests.mesh.cli.conftest import write_state


async def test_ask(api: ApiServer, plane: ControlPlane, tmp_path: Path) -> None:
    write_state(tmp_path, api=f"https://127.0.0.1:{api.port}", xds=f"127.0.0.1:{plane.port}")
    state = running(tmp_path)
    assert await ask(state, "syncz") == []
    assert await ask(state, "config_dump", {"proxy": "absent.default"}) is None
    with pytest.raises(Failure, match="refused: 404"):
        await ask(state, "nonsense")


async def test_a_control_plane_that_is_gone(api: ApiServer, plane: ControlPlane, tmp_path: Path) -> None:
    write_state(tmp_path, api=f"https://127.0.0.1:{api.port}", xds="127.0.0.1:1")
    with pytest.raises(Failure, match="does not answer"):
        await ask(running(tmp_path), "syncz")


async def test_an_api_server_that_is_gone(api: ApiServer, tmp_path: Path) -> None:
    write_state(tmp_path, api=f"https://127.0.0.1:{api.port}", xds="127.0.0.1:1")
    kubeconfig = running(tmp_path).kubeconfig
    kubeconfig.write_text(kubeconfig.read_text().replace(f"127.0.0.1:{api.port}", "127.0.0.1:1"))
    with pytest.raises(Failure, match="the API server does not answer") as refused:
        await ask(running(tmp_path), "syncz")
    assert refused.value.exit_code == DOWN
