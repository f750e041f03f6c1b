"""`kill -9` of each part: what is promised to flow on, flows on, and what died comes back."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.meshes import ROOT, Mesh, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata:
  name: crash
  labels: {istio-injection: enabled}
"""
MANIFEST = """
apiVersion: v1
kind: Service
metadata: {name: details, namespace: crash}
spec:
  selector: {app: details}
  ports: [{name: http, port: 9080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: details, namespace: crash}
spec:
  replicas: 1
  selector: {matchLabels: {app: details}}
  template:
    metadata: {labels: {app: details}}
    spec:
      containers:
      - name: details
        image: test/details
        readinessProbe: {httpGet: {path: /health, port: 9080}, periodSeconds: 1}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: crash, namespace: crash}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [crash.test]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: crash, namespace: crash}
spec:
  hosts: [crash.test]
  gateways: [crash]
  http: [{route: [{destination: {host: details}}]}]
"""
HEADERS = {"host": "crash.test"}


@pytest.fixture(scope="module")
def service(mesh: Mesh) -> Iterator[Mesh]:
    mesh.run(
        "image",
        "add",
        "test/details",
        "--dir",
        str(ROOT / "demos/bookinfo/services"),
        "--",
        sys.executable,
        "details.py",
    )
    mesh.apply(NAMESPACE)
    mesh.apply(MANIFEST)
    wait_for(lambda: mesh.request("/details/0", headers=HEADERS)[0] == 200, "the service")
    yield mesh
    mesh.run("delete", "namespace", "crash")


class Traffic:
    """Requests one after another in a thread, until told to stop."""

    def __init__(self, mesh: Mesh) -> None:
        self.port = mesh.ingress_port
        self.mesh = mesh
        self.statuses: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def _send(self) -> None:
        while not self._stop.is_set():
            self.statuses.append(self.mesh.request("/details/0", headers=HEADERS, port=self.port)[0])

    def __enter__(self) -> Traffic:
        self._thread.start()
        self.more(20)
        return self

    def more(self, count: int) -> None:
        """Wait until this many more were answered."""
        target = len(self.statuses) + count
        wait_for(lambda: len(self.statuses) >= target or not self._thread.is_alive(), f"{count} more answers")

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def is_back(mesh: Mesh, name: str, before: int) -> bool:
    processes = mesh.json("status")["processes"]
    return all(p["ready"] for p in processes) and mesh.process(name) != before


@pytest.mark.parametrize("name", ["orchestrator", "control-plane", "node-proxy", "sidecar-zygote", "sandbox-zygote"])
def test_no_request_is_lost(service: Mesh, name: str) -> None:
    before = service.process(name)
    with Traffic(service) as traffic:
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: is_back(service, name, before), f"{name} to come back")
        traffic.more(50)
    assert set(traffic.statuses) == {200}
    assert "2/2" in service.run("get", "pods", "-n", "crash").stdout


def proxy_pid(mesh: Mesh, pod_uid: str) -> int:
    """The proxy of a pod, by the record that the kubelet keeps of it."""
    run = Path(json.loads((mesh.home / "state.json").read_text())["run"])
    return int(json.loads((run / "proxies" / pod_uid / "istio-proxy.json").read_text())["pid"])


def test_a_killed_sidecar_is_back_within_a_second(service: Mesh) -> None:
    pod = service.json("get", "pods", "-n", "crash")["items"][0]
    port = service.ingress_port
    before = proxy_pid(service, pod["metadata"]["uid"])
    os.kill(before, signal.SIGKILL)
    killed = time.monotonic()
    # A new connection waits in the sandbox's listening socket until the next proxy takes it.
    assert service.request("/details/0", headers=HEADERS, port=port)[0] == 200
    assert time.monotonic() - killed < 2.0
    assert proxy_pid(service, pod["metadata"]["uid"]) != before
    wait_for(lambda: "2/2" in service.run("get", "pods", "-n", "crash").stdout, "the pod to be ready again")


def supervisor_of(mesh: Mesh) -> int:
    return int(json.loads((mesh.home / "state.json").read_text())["supervisor"]["pid"])


def test_the_next_up_takes_over_from_a_killed_supervisor(service: Mesh) -> None:
    with Traffic(service) as traffic:
        os.kill(supervisor_of(service), signal.SIGKILL)
        assert service.run("status", check=False).returncode == 3
        service.run("up")
        traffic.more(50)
    assert set(traffic.statuses) == {200}
    assert service.ingress_port == traffic.port
    assert "2/2" in service.run("get", "pods", "-n", "crash").stdout
