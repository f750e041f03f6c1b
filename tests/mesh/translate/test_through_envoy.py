"""Two sidecars' configurations run by a real Envoy: a call over mTLS, and a plaintext call to a STRICT workload.

What only a pod's own network has is replaced: the outbound listener gets a port of its own in place of the redirect,
and the inbound chains that port too (Envoy's PROXY header says where the caller dialled; ours says the endpoint's
original address); the application answers on loopback. Everything between them is what the translator made.
"""

from __future__ import annotations

import copy
import datetime
import http.client
import http.server
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mesh.registry.state import MeshState
from tests.support import envoy_check
from tests.support.bookinfo import RUN, objects
from tests.support.compiled import sidecar

pytestmark = pytest.mark.integration

ALL_V1 = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}%s}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: v1}}]}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}
"""
PLAINTEXT = ", trafficPolicy: {tls: {mode: DISABLE}}"
DEADLINE_S = 20.0


class Authority:
    """A CA for SPIFFE identities."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(self.key, "root", x509.BasicConstraints(ca=True, path_length=None))

    def _sign(self, key: Any, subject: str, extension: Any) -> x509.Certificate:
        """Two names: a leaf named as its issuer would count as self-signed."""
        issuer = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "root")])
        name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject)])
        start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=1))
            .add_extension(extension, critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def secrets(self, account: str) -> list[dict[str, Any]]:
        key = ec.generate_private_key(ec.SECP256R1())
        identity = x509.UniformResourceIdentifier(f"spiffe://cluster.local/ns/default/sa/{account}")
        leaf = self._sign(key, "leaf", x509.SubjectAlternativeName([identity]))
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        chain, root = (one.public_bytes(serialization.Encoding.PEM).decode() for one in (leaf, self.certificate))
        pair = {"certificate_chain": {"inline_string": chain}, "private_key": {"inline_string": pem}}
        return [
            {"name": "default", "tls_certificate": pair},
            {"name": "ROOTCA", "validation_context": {"trusted_ca": {"inline_string": root}}},
        ]


class Application(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({key.lower(): value for key, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def prepared(mesh: MeshState, name: str, account: str, authority: Authority) -> dict[str, Any]:
    found = envoy_check.bootstrap(sidecar(mesh, name))
    found["static_resources"]["secrets"] = authority.secrets(account)
    return found


def caller_config(mesh: MeshState, authority: Authority, port: int) -> dict[str, Any]:
    found = prepared(mesh, "productpage-v1-a", "bookinfo-productpage", authority)
    static = found["static_resources"]
    static["listeners"] = [one for one in static["listeners"] if one["name"] == "0.0.0.0_9080"]
    static["listeners"][0].update(
        bind_to_port=True, address={"socket_address": {"address": "127.0.0.1", "port_value": port}}
    )
    return found


def server_config(mesh: MeshState, authority: Authority, port: int, *, dialled: int) -> dict[str, Any]:
    found = prepared(mesh, "reviews-v1-a", "bookinfo-reviews", authority)
    static = found["static_resources"]
    static["listeners"] = [one for one in static["listeners"] if one["name"] == "virtualInbound"]
    for chain in static["listeners"][0]["filter_chains"]:
        if chain["filter_chain_match"].get("destination_port") == 9080:
            chain["filter_chain_match"]["destination_port"] = dialled
    static["clusters"] = [
        copy.deepcopy(one) for one in static["clusters"] if one["name"].startswith(("inbound|", "Inbound"))
    ]
    for one in static["clusters"]:
        one.pop("upstream_bind_config")
        if one["name"] == "inbound|9080||":
            address = one["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
            address.update(address="127.0.0.1", port_value=port)
    return found


def start(config: dict[str, Any], path: Path, run: Path, number: int) -> subprocess.Popen[bytes]:
    path.write_text(json.dumps(config).replace(RUN, str(run)))
    command = [
        envoy_check.envoy_binary(),
        "-c",
        str(path),
        "-l",
        "error",
        "--base-id",
        str(number),
        "--concurrency",
        "1",
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def answered(port: int) -> http.client.HTTPResponse:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/", headers={"Host": "reviews:9080"})
            return connection.getresponse()
        except ConnectionError:
            assert time.monotonic() < deadline, "the caller's Envoy did not start"
            time.sleep(0.05)


@pytest.fixture
def application() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("policy", "status"), [("", 200), (PLAINTEXT, 503)], ids=["mtls", "plaintext"])
def test_a_call_between_two_sidecars(policy: str, status: int, application: int, tmp_path: Path) -> None:
    envoy_check.envoy_binary()
    mesh = MeshState.build(objects(ALL_V1 % policy, base=""))
    authority, port = Authority(), free_port()
    run = tmp_path / "p"
    (run / "10.244.0.21").mkdir(parents=True)
    inbound = run / "10.244.0.21" / "inbound.sock"
    number = port % 30000 + 1
    processes = [
        start(server_config(mesh, authority, application, dialled=port), tmp_path / "server.json", run, number)
    ]
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not inbound.exists():
            assert time.monotonic() < deadline, "the server's Envoy did not start"
            time.sleep(0.05)
        processes.append(start(caller_config(mesh, authority, port), tmp_path / "caller.json", run, number + 1))
        response = answered(port)
        body = response.read()
        assert response.status == status, body
        if status == 200:
            headers = json.loads(body)
            assert response.headers["server"] == "envoy"
            assert "By=spiffe://cluster.local/ns/default/sa/bookinfo-reviews" in headers["x-forwarded-client-cert"]
            assert "URI=spiffe://cluster.local/ns/default/sa/bookinfo-productpage" in headers["x-forwarded-client-cert"]
    finally:
        for process in processes:
            process.terminate()
            process.wait(10)
