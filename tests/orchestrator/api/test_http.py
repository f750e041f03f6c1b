"""The HTTP side: who gets in, exact Status bodies, documents, bounds."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from mesh.kube.http import HttpClient
from mesh.kube.kubeconfig import from_kubeconfig
from orchestrator.api.body import BODY_BYTES_MAX
from orchestrator.api.server import ApiServer
from tests.support.api_objects import config_map


class Raw:
    """Requests with their raw answers."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._base = f"https://127.0.0.1:{port}"

    async def __call__(self, method: str, path: str, **more: Any) -> tuple[int, bytes, Any]:
        async with self._session.request(method, self._base + path, **more) as response:
            return response.status, await response.read(), response.headers


@pytest.fixture
async def raw(server: ApiServer, tmp_path: Path) -> AsyncIterator[Raw]:
    tls = from_kubeconfig(tmp_path / "kubeconfig").tls
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
        yield Raw(session, server.port)


@pytest.fixture
async def stranger(server: ApiServer) -> AsyncIterator[Raw]:
    tls = ssl.create_default_context(cadata=server.authority)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
        yield Raw(session, server.port)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/livez", 200),
        ("/readyz", 200),
        ("/readyz/etcd", 200),
        ("/version", 200),
        ("/api", 401),
        ("/apis", 401),
        ("/api/v1/pods", 401),
        ("/openapi/v3", 401),
        ("/metrics", 401),
    ],
)
async def test_strangers(stranger: Raw, path: str, status: int) -> None:
    assert (await stranger("GET", path))[0] == status


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
async def test_bad_tokens_are_refused_even_beside_a_certificate(raw: Raw, token: str) -> None:
    status, body, headers = await raw("GET", "/api/v1/pods", headers={"Authorization": f"Bearer {token}"})
    assert status == 401
    assert headers["WWW-Authenticate"] == "Bearer"
    assert body == (
        b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized",'
        b'"reason":"Unauthorized","code":401}\n'
    )


async def test_a_certificate_of_another_authority_does_not_pass_the_handshake(
    server: ApiServer, tmp_path: Path
) -> None:
    from orchestrator.api.pki import Pki

    other = Pki(tmp_path / "other")
    tls = ssl.create_default_context(cadata=server.authority)
    tls.load_cert_chain(other.client("admin", "kubernetes-admin", ("system:masters",)).path)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
        with pytest.raises((aiohttp.ClientError, ssl.SSLError)):
            await Raw(session, server.port)("GET", "/api/v1/pods")


async def test_status_bodies_are_exact(raw: Raw) -> None:
    status, body, headers = await raw("GET", "/api/v1/namespaces/default/pods/nope")
    assert (status, headers["Content-Type"]) == (404, "application/json")
    assert body == (
        b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"pods \\"nope\\" not found",'
        b'"reason":"NotFound","details":{"name":"nope","kind":"pods"},"code":404}\n'
    )
    _, body, _ = await raw("GET", "/apis/apps/v1/namespaces/default/deployments/nope")
    assert msgspec.json.decode(body)["details"] == {"name": "nope", "group": "apps", "kind": "deployments"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/apis/nope.example.com/v1", 404),
        ("POST", "/nowhere", 404),
        ("PUT", "/api/v1/namespaces/default/pods", 405),
        ("PATCH", "/api/v1/namespaces/default/pods", 405),
        ("POST", "/api/v1/namespaces/default/pods/x", 405),
        ("OPTIONS", "/api/v1/pods", 405),
        ("GET", "/apis/authentication.k8s.io/v1/tokenreviews", 405),
        ("GET", "/api/v1/namespaces/default/pods/x/exec", 404),
    ],
)
async def test_paths_and_methods(raw: Raw, method: str, path: str, status: int) -> None:
    assert (await raw(method, path))[0] == status


async def test_what_is_not_served_is_refused_with_a_word(raw: Raw, http: HttpClient) -> None:
    from tests.support.api_objects import pod

    await http.request("POST", "/api/v1/namespaces/default/pods", body=pod("p"))
    status, body, _ = await raw("POST", "/api/v1/namespaces/default/pods/p/attach")
    assert status == 501
    assert "pods/attach is not supported by this server yet" in msgspec.json.decode(body)["message"]


CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b"[]", 400),
        ("application/json", b'{"a":' * 200 + b"1" + b"}" * 200, 400),
        ("application/json", b'{"a":"' + b"x" * BODY_BYTES_MAX + b'"}', 413),
        ("application/xml", b"<a/>", 415),
        ("application/yaml", b"a: &a [1]\nb: [*a, *a]\n", 400),
        ("application/yaml", b"a: [", 400),
        ("application/yaml", b"metadata: {name: y}\ndata: {when: '2020-01-01'}\n", 201),
        ("application/vnd.kubernetes.protobuf", b"nonsense", 400),
        ("application/vnd.kubernetes.protobuf", b"k8s\x00\xff\xff", 400),
    ],
)
async def test_bodies(raw: Raw, content_type: str, content: bytes, status: int) -> None:
    found, body, _ = await raw("POST", CONFIG_MAPS, data=content, headers={"Content-Type": content_type})
    assert found == status, body
    if status >= 400:
        assert msgspec.json.decode(body)["kind"] == "Status"


async def test_warnings_and_yaml(raw: Raw) -> None:
    body = msgspec.json.encode({**config_map("c"), "dota": {}})
    headers = {"Content-Type": "application/json", "Accept": "application/yaml"}
    status, answer, found = await raw("POST", CONFIG_MAPS, data=body, headers=headers)
    assert status == 201
    assert found["Warning"] == '299 - "unknown field \\"dota\\""'
    assert answer.startswith(b"apiVersion: v1\n")
    assert (await raw("GET", CONFIG_MAPS, headers={"Accept": "image/png"}))[0] == 406


async def test_documents_are_cached_by_their_hash(raw: Raw) -> None:
    _, index, _ = await raw("GET", "/openapi/v3")
    paths = msgspec.json.decode(index)["paths"]
    url = paths["apis/apps/v1"]["serverRelativeURL"]
    status, body, headers = await raw("GET", url)
    assert status == 200
    assert "immutable" in headers["Cache-Control"]
    assert (await raw("GET", url, headers={"If-None-Match": headers["ETag"]}))[0] == 304
    operations = msgspec.json.decode(body)["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    assert {p["name"] for p in operations["patch"]["parameters"]} >= {"fieldValidation", "dryRun"}
    assert (await raw("GET", "/openapi/v3/apis/nope/v1"))[0] == 404


async def test_pods_service_accounts_may_ask_who_they_are_and_nothing_else(server: ApiServer, stranger: Raw) -> None:
    from mesh.kube.kinds import SERVICE_ACCOUNT

    request = {"spec": {}}
    made = await server.local_client.create(SERVICE_ACCOUNT, request, "default", name="default", subresource="token")
    bearer = {"Authorization": f"Bearer {made['status']['token']}"}
    assert (await stranger("GET", "/api", headers=bearer))[0] == 200
    status, body, _ = await stranger("GET", "/api/v1/namespaces/default/secrets", headers=bearer)
    assert status == 403
    assert msgspec.json.decode(body)["message"] == (
        'secrets is forbidden: User "system:serviceaccount:default:default" cannot list resource "secrets" in API '
        'group "" in the namespace "default"'
    )
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    status, body, _ = await stranger("POST", path, json=review, headers=bearer)
    assert msgspec.json.decode(body)["status"]["userInfo"]["username"] == "system:serviceaccount:default:default"
