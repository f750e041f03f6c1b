"""The kubeconfig files that the server writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import POD, SECRET, SERVICE
from orchestrator.api.kubeconfigs import write_all
from orchestrator.api.server import ApiServer


async def test_each_may_do_what_it_must(server: ApiServer, tmp_path: Path) -> None:
    for file, may_read_secrets in (
        ("kubeconfig", True),
        ("control-plane/kubeconfig", True),
        ("node-proxy/kubeconfig", False),
    ):
        path = tmp_path / file
        assert path.stat().st_mode & 0o777 == 0o600
        client = HttpClient.from_kubeconfig(path)
        assert await client.list(SERVICE)
        if may_read_secrets:
            assert await client.list(SECRET)
        else:
            with pytest.raises(ApiError) as failure:
                await client.list(SECRET)
            assert failure.value.code == 403
            with pytest.raises(ApiError):
                await client.create(POD, {"metadata": {"name": "x"}}, "default")
        await client.close()


def test_files_change_only_with_their_content(server: ApiServer, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    before = path.stat().st_mtime_ns
    url = f"https://127.0.0.1:{server.port}"
    write_all(server.pki, tmp_path, server=url, context="pocketmesh")
    assert path.stat().st_mtime_ns == before
    write_all(server.pki, tmp_path, server="https://127.0.0.1:1", context="other")
    assert b"other" in path.read_bytes()
