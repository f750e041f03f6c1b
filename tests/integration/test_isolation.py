"""From inside a pod: nothing of the person who started it, nothing of other pods, no way out but the sidecar."""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path

import pytest

from tests.integration.meshes import Mesh, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

PROBE = """
import json, os, socket, sys
def readable(path):
    try:
        if os.path.isdir(path):
            return os.listdir(path)
        return open(path, "rb").read(200).decode(errors="replace")
    except OSError as failure:
        return None
def dial(host, port):
    try:
        with socket.create_connection((host, port), timeout=3) as connection:
            connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            connection.settimeout(3)
            return connection.recv(100).decode(errors="replace")
    except OSError as failure:
        return None
paths, targets = json.loads(sys.argv[1])
status = {line.split(":")[0]: line.split(":", 1)[1].strip() for line in open("/proc/self/status")}
print(json.dumps({
    "read": {path: readable(path) for path in paths},
    "dial": {f"{host}:{port}": dial(host, port) for host, port in targets},
    "capabilities": status["CapEff"], "no_new_privs": status["NoNewPrivs"],
    "pids": [p for p in os.listdir("/proc") if p.isdigit()],
    "hostname": socket.gethostname(),
}), flush=True)
"""


@pytest.fixture(scope="module")
def host_server() -> socket.socket:
    """Something that listens on the host's loopback and must not be reached."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.sendall(b"secret of the host")
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener


@pytest.mark.parametrize("injected", ["true", "false"])
def test_what_a_pod_sees(mesh: Mesh, tmp_path: Path, host_server: socket.socket, injected: str) -> None:
    image = tmp_path / "probe"
    image.mkdir()
    (image / "probe.py").write_text(PROBE)
    mesh.run("image", "add", "test/probe", "--dir", str(image), "--", sys.executable, "probe.py")
    home, user = str(mesh.home), str(Path.home())
    secrets = [
        home,
        f"{home}/kubeconfig",
        f"{home}/orchestrator",
        f"{user}/.ssh",
        f"{user}/.kube",
        "/etc/shadow",
        "/run/user",
    ]
    host_port = host_server.getsockname()[1]
    api_port = int(mesh.json("status")["apiServer"].rpartition(":")[2])
    targets = [["127.0.0.1", host_port], ["127.0.0.1", api_port], ["169.254.169.254", 80], ["10.244.0.1", 9999]]
    name = f"probe-{injected}"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"sidecar.istio.io/inject": injected}},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "probe", "image": "test/probe", "args": [json.dumps([secrets, targets])]}],
        },
    }
    mesh.apply(json.dumps(pod))
    wait_for(lambda: mesh.json("get", "pod", name)["status"]["phase"] in {"Succeeded", "Failed"}, "the probe to finish")
    seen = json.loads(mesh.run("logs", name, "-c", "probe").stdout)
    assert {path: value for path, value in seen["read"].items() if value} == {}
    assert {target: value for target, value in seen["dial"].items() if value} == {}
    assert int(seen["capabilities"], 16) == 0
    assert seen["no_new_privs"] == "1"
    assert seen["hostname"] == name
    assert len(seen["pids"]) < 5
    mesh.run("delete", "pod", name)
