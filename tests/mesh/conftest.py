"""A real API server, a real control plane against it, and proxies that speak to it over real mTLS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mesh.control_plane import ControlPlane, ControlPlaneSettings
from mesh.kube.client import Client
from mesh.kube.http import HttpClient
from mesh.kube.kinds import CONFIG_MAP, NAMESPACE, POD, SERVICE, SERVICE_ACCOUNT
from mesh.kube.objects import Object
from orchestrator.api.options import ApiOptions
from orchestrator.api.server import ApiServer
from orchestrator.store.sqlite import SqliteStore
from sidecar.control.discovery import Discovery, Duplex, Reply

DEADLINE_S = 10.0
SETTINGS = ControlPlaneSettings(xds_port=0, ingress_http_port=18080, ingress_https_port=18443)


async def eventually(check: Callable[[], Any]) -> Any:
    """The first true value of `check`; fails after a deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not (value := check()):
            await asyncio.sleep(0.01)
        return value


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    store = SqliteStore(tmp_path / "store.db")
    server = ApiServer(store, ApiOptions(home=tmp_path))
    await server.start()
    yield server
    await server.stop()
    await store.close()


@pytest.fixture
async def client(api: ApiServer, tmp_path: Path) -> AsyncIterator[HttpClient]:
    """What the control plane itself uses."""
    http = HttpClient.from_kubeconfig(tmp_path / "control-plane" / "kubeconfig")
    yield http
    await http.close()


@pytest.fixture
async def plane(client: HttpClient) -> AsyncIterator[ControlPlane]:
    control_plane = ControlPlane(client, SETTINGS)
    await control_plane.start()
    yield control_plane
    await control_plane.stop()


@dataclass
class FakeProxy:
    """The pod's proxy: gets a certificate as a sidecar does, then answers pushes as the test says."""

    pod: Object
    token: str
    discovery: Discovery
    directory: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    stream: Duplex | None = None

    @property
    def node_id(self) -> str:
        meta = self.pod["metadata"]
        domain = f"{meta['namespace']}.svc.cluster.local"
        return f"sidecar~{self.pod['status']['podIP']}~{meta['name']}.{meta['namespace']}~{domain}"

    def csr(self, uri: str = "") -> str:
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        if uri:
            names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    async def certify(self, *, uri: str = "", anonymous: bool = True, **body: Any) -> Reply:
        return await self.discovery.post(
            "/istio.v1.auth.IstioCertificateService/CreateCertificate",
            json.dumps({"csr": self.csr(uri), **body}).encode(),
            token=self.token if anonymous else "",
            anonymous=anonymous,
        )

    async def identify(self) -> x509.Certificate:
        reply = await self.certify()
        assert reply.status == 200, reply.describe()
        chain = json.loads(reply.body)["cert_chain"]
        (self.directory / "chain.pem").write_text("".join(chain))
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.directory / "key.pem").write_bytes(pem)
        self.discovery.identify(str(self.directory / "chain.pem"), str(self.directory / "key.pem"))
        return x509.load_pem_x509_certificate(chain[0].encode())

    async def post(self, path: str, body: Any) -> Reply:
        return await self.discovery.post(path, json.dumps(body).encode())

    async def connect(self) -> AsyncIterator[dict[str, Any]]:
        """Opens the stream; the answers as they come."""
        self.stream = await self.discovery.duplex("/v3/ads")
        return self._answers(self.stream)

    async def _answers(self, stream: Duplex) -> AsyncIterator[dict[str, Any]]:
        async for line in stream.lines():
            yield json.loads(line)

    async def request(self, type_url: str, **more: Any) -> None:
        assert self.stream is not None
        await self.stream.send(json.dumps({"node": {"id": self.node_id}, "type_url": type_url, **more}).encode())

    async def take(self, answers: AsyncIterator[dict[str, Any]], type_url: str) -> dict[str, Any]:
        """The next answer of a type; it and others on the way are acknowledged."""
        async with asyncio.timeout(DEADLINE_S):
            async for answer in answers:
                await self.acknowledge(answer)
                if answer["type_url"] == type_url:
                    return answer
        raise AssertionError("the stream ended")

    async def acknowledge(self, answer: dict[str, Any], **more: Any) -> None:
        await self.request(answer["type_url"], response_nonce=answer["nonce"], **more)


@dataclass
class Cluster:
    """What tests do to the cluster, as its administrator (and, for status, as its kubelet)."""

    admin: Client
    plane: ControlPlane
    directory: Path
    pods: int = 0

    async def namespace(self, name: str, **labels: str) -> None:
        await self.admin.create(NAMESPACE, {"metadata": {"name": name, "labels": labels}})
        await eventually(lambda: ("", name) in self.plane.source.informers["Namespace"].store)

    async def pod(self, name: str, namespace: str = "default", **labels: str) -> Object:
        """A running pod with a proxy; there is no kubelet, so its status is written here."""
        self.pods += 1
        meta = {"name": name, "namespace": namespace, "labels": {"sidecar.istio.io/inject": "true", **labels}}
        spec = {"containers": [{"name": "app", "image": "x", "ports": [{"containerPort": 9080}]}]}
        await self.admin.create(POD, {"metadata": meta, "spec": spec}, namespace)
        ready = [{"type": "Ready", "status": "True"}]
        address = f"10.244.0.{self.pods}"
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": ready}
        return await self.admin.patch(POD, name, {"status": status}, namespace, subresource="status")

    async def service(self, name: str) -> None:
        spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": 9080}]}
        await self.admin.create(SERVICE, {"metadata": {"name": name}, "spec": spec}, "default")

    async def ask(self, path: str, *, audience: str = "istiod", account: str = "mesh-cli") -> tuple[int, Any]:
        """A debug question, as the command line asks it."""
        token = await self.token(account, "istio-system", audience)
        headers = {"Authorization": f"Bearer {token}"}
        url = f"https://127.0.0.1:{self.plane.port}/debug/{path}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers, ssl=False) as answer:
            return answer.status, json.loads(await answer.text())

    async def eventually(self, check: Callable[[], Any]) -> Any:
        return await eventually(check)

    async def token(self, account: str, namespace: str, audience: str, *, pod: Object | None = None) -> str:
        spec: dict[str, Any] = {"audiences": [audience], "expirationSeconds": 600}
        if pod is not None:
            meta = pod["metadata"]
            reference = {"kind": "Pod", "apiVersion": "v1", "name": meta["name"], "uid": meta["uid"]}
            spec["boundObjectRef"] = reference
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = await self.admin.create(SERVICE_ACCOUNT, body, namespace, name=account, subresource="token")
        return str(answer["status"]["token"])

    async def proxy(self, pod: Object, *, audience: str = "istio-ca", account: str = "default") -> FakeProxy:
        meta = pod["metadata"]
        directory = self.directory / f"proxy-{meta['name']}"
        directory.mkdir(exist_ok=True)
        await eventually(
            lambda: ("istio-system", "istio-ca-root-cert") in self.plane.source.informers["ConfigMap"].store
        )
        root = await self.admin.get(CONFIG_MAP, "istio-ca-root-cert", "istio-system")
        (directory / "root.pem").write_text(root["data"]["root-cert.pem"])
        token = await self.token(account, meta["namespace"], audience, pod=pod)
        discovery = Discovery(f"127.0.0.1:{self.plane.port}", directory / "root.pem")
        return FakeProxy(pod, token, discovery, directory)


@pytest.fixture
async def cluster(api: ApiServer, plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Cluster]:
    admin = HttpClient.from_kubeconfig(tmp_path / "kubeconfig")
    yield Cluster(admin, plane, tmp_path)
    await admin.close()
