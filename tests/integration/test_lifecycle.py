"""Up, status, down: what is promised about starting and ending a mesh."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.meshes import Mesh, new_mesh, wait_for

pytestmark = pytest.mark.integration


@pytest.fixture
def fresh() -> Iterator[Mesh]:
    found = new_mesh()
    if found.run("check", check=False).returncode != 0:
        pytest.skip("this machine does not allow pods")
    yield found
    found.run("down", check=False)
    shutil.rmtree(found.home.parent, ignore_errors=True)


def processes_of(home: Path) -> list[str]:
    """Command lines of every process whose environment or arguments name this home."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in words:
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_status_of_a_mesh_that_is_down(fresh: Mesh) -> None:
    done = fresh.run("status", check=False)
    assert done.returncode == 3
    assert "mesh up" in done.stderr


def test_up_status_down_leaves_nothing(fresh: Mesh) -> None:
    fresh.run("up", "--name", "alone", "--ingress-http-port", "0", "--ingress-https-port", "0")
    status = fresh.json("status")
    assert set(status) == {"name", "home", "context", "kubeconfig", "apiServer", "xds", "ingress", "processes"}
    assert (status["name"], status["context"]) == ("alone", "pocketmesh-alone")
    assert all(process["ready"] for process in status["processes"])
    user = yaml.safe_load(Path(fresh.environment["KUBECONFIG"]).read_text())
    assert user["current-context"] == "pocketmesh-alone"
    ports = (status["apiServer"], status["xds"], status["ingress"])
    fresh.run("up")  # already up: the same again, not a second one
    assert fresh.json("status")["processes"] == status["processes"]
    fresh.run("down")
    assert fresh.run("status", check=False).returncode == 3
    assert processes_of(fresh.home) == []
    assert str(fresh.home) not in Path("/proc/self/mountinfo").read_text()
    assert yaml.safe_load(Path(fresh.environment["KUBECONFIG"]).read_text())["contexts"] == []
    fresh.run("up")
    again = fresh.json("status")
    assert (again["apiServer"], again["xds"], again["ingress"]) == ports
    assert again["name"] == "alone"
    fresh.run("down", "--purge")
    assert not fresh.home.exists()


def test_two_meshes_side_by_side(mesh: Mesh, fresh: Mesh) -> None:
    fresh.run("up", "--name", "second", "--ingress-http-port", "0", "--ingress-https-port", "0")
    fresh.run("apply", "-f", "-", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: only-here}\n")
    assert "only-here" in fresh.run("get", "cm", "-o", "name").stdout
    assert "only-here" not in mesh.run("get", "cm", "-o", "name").stdout
    assert mesh.json("status")["ingress"] != fresh.json("status")["ingress"]


def test_a_port_that_is_taken_is_named_with_its_setting(fresh: Mesh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = fresh.run("up", "--api-port", str(port), "--ingress-http-port", "0", check=False)
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "--api-port" in done.stderr
    assert wait_for(lambda: processes_of(fresh.home) == [], "the failed start to be gone", timeout_s=10)
