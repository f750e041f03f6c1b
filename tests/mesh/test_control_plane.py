"""The control plane against a real API server, with a proxy that speaks real mTLS."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from mesh.control_plane import ControlPlane, persist
from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    MUTATING_WEBHOOK,
    NAMESPACE,
    POD,
    SECRET,
    SERVICE,
    VIRTUAL_SERVICE,
)
from mesh.xds.kinds import CLUSTER, ENDPOINT, LISTENER, NAME_TABLE, ROUTE

pytestmark = pytest.mark.integration

# `Cluster`, `FakeProxy` and their friends are in conftest.py, which cannot be imported.
Cluster = Any


async def eventually(check: Any) -> Any:
    async with asyncio.timeout(10):
        while not (value := check()):
            await asyncio.sleep(0.01)
        return value


async def ask(cluster: Cluster, path: str, *, audience: str = "istiod", account: str = "mesh-cli") -> tuple[int, Any]:
    """A debug question, as the command line asks it."""
    token = await cluster.token(account, "istio-system", audience)
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"https://127.0.0.1:{cluster.plane.port}/debug/{path}",
            headers={"Authorization": f"Bearer {token}"},
            ssl=False,
        ) as answer,
    ):
        return answer.status, json.loads(await answer.text())


async def test_everything_is_installed(cluster: Cluster) -> None:
    admin = cluster.admin
    assert "trustDomain" in (await admin.get(CONFIG_MAP, "istio", "istio-system"))["data"]["mesh"]
    service = await admin.get(SERVICE, "istio-ingressgateway", "istio-system")
    assert service["status"]["loadBalancer"]["ingress"] == [{"ip": "127.0.0.1"}]
    assert {port["targetPort"] for port in service["spec"]["ports"]} == {18080, 18443}
    await admin.get(DEPLOYMENT, "istio-ingressgateway", "istio-system")
    webhooks = (await admin.get(MUTATING_WEBHOOK, "istio-sidecar-injector"))["webhooks"]
    assert webhooks[0]["clientConfig"]["url"] == f"https://127.0.0.1:{cluster.plane.port}/inject"


async def test_a_second_start_keeps_the_root_and_repairs_addresses(client: HttpClient, cluster: Cluster) -> None:
    root = (await client.get(SECRET, "istio-ca-secret", "istio-system"))["data"]
    mesh = await client.patch(CONFIG_MAP, "istio", {"data": {"mesh": "accessLogFile: /dev/stdout"}}, "istio-system")
    await cluster.plane.stop()
    second = ControlPlane(client, cluster.plane.settings)
    await second.start()
    try:
        assert second.port != cluster.plane.port
        assert (await client.get(SECRET, "istio-ca-secret", "istio-system"))["data"] == root
        assert (await client.get(CONFIG_MAP, "istio", "istio-system"))["data"] == mesh["data"]
        webhooks = (await client.get(MUTATING_WEBHOOK, "istio-sidecar-injector"))["webhooks"]
        assert {one["clientConfig"]["url"] for one in webhooks} == {f"https://127.0.0.1:{second.port}/inject"}
        assert second.source.mesh_config.access_log_file == "/dev/stdout"
        gateway = await client.get(DEPLOYMENT, "istio-ingressgateway", "istio-system")
        env = gateway["spec"]["template"]["spec"]["containers"][0]["env"]
        assert {"name": "CA_ADDR", "value": f"127.0.0.1:{second.port}"} in env
    finally:
        await second.stop()


async def test_the_root_is_in_every_namespace_and_comes_back(cluster: Cluster) -> None:
    await cluster.namespace("late")

    async def root(namespace: str) -> str:
        async with asyncio.timeout(10):
            while True:
                try:
                    found = await cluster.admin.get(CONFIG_MAP, "istio-ca-root-cert", namespace)
                    return str(found["data"]["root-cert.pem"])
                except ApiError:
                    await asyncio.sleep(0.01)

    pem = await root("late")
    assert pem == await root("default") == await root("kube-system")
    await cluster.admin.delete(CONFIG_MAP, "istio-ca-root-cert", "late")
    assert await root("late") == pem


async def test_pods_are_injected_through_the_api(cluster: Cluster) -> None:
    await cluster.namespace("shop", **{"istio-injection": "enabled"})
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "app", "image": "x"}]}}
    injected = await cluster.admin.create(POD, pod, "shop")
    assert [one["name"] for one in injected["spec"]["initContainers"]] == ["istio-proxy"]
    plain = await cluster.admin.create(POD, {**pod, "metadata": {"name": "b"}}, "default")
    assert "initContainers" not in plain["spec"]


async def test_a_pod_right_after_its_namespace_is_injected(cluster: Cluster) -> None:
    """Our own view of the namespace may be older than the API server's."""
    labels = {"istio-injection": "enabled"}
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "app", "image": "x"}]}}
    await cluster.admin.create(NAMESPACE, {"metadata": {"name": "quick", "labels": labels}})
    injected = await cluster.admin.create(POD, pod, "quick")
    assert injected["spec"]["initContainers"][0]["name"] == "istio-proxy"


def virtual_service(name: str, *routes: dict[str, Any]) -> dict[str, Any]:
    spec = {"hosts": ["web"], "http": [{"route": list(routes)}]}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name}, "spec": spec}


async def test_meaningless_configuration_is_refused_by_the_api(cluster: Cluster) -> None:
    routes = [{"destination": {"host": host}, "weight": 0} for host in ("a", "b")]
    with pytest.raises(ApiError, match=r"spec\.http\[0\]") as failure:
        await cluster.admin.create(VIRTUAL_SERVICE, virtual_service("bad", *routes), "default")
    assert failure.value.code in (400, 403, 422)
    with pytest.raises(ApiError) as missing:
        await cluster.admin.get(VIRTUAL_SERVICE, "bad", "default")
    assert missing.value.not_found


async def test_an_identity_is_the_tokens_and_nobody_elses(cluster: Cluster) -> None:
    proxy = await cluster.proxy(await cluster.pod("a"))
    leaf = await proxy.identify()
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [one.value for one in names] == ["spiffe://cluster.local/ns/default/sa/default"]
    assert (await proxy.certify(uri="spiffe://cluster.local/ns/default/sa/default")).status == 200
    assert (await proxy.certify(uri="spiffe://cluster.local/ns/default/sa/other")).status == 403
    assert (await proxy.certify(validity_duration=10**9)).status == 400


async def test_short_lives_and_renewal_by_certificate(cluster: Cluster) -> None:
    proxy = await cluster.proxy(await cluster.pod("a"))
    await proxy.identify()
    await eventually(lambda: cluster.plane.source.has_pod_of("default", "default"))
    reply = await proxy.certify(anonymous=False, validity_duration=30)
    assert reply.status == 200, reply.describe()
    leaf = x509.load_pem_x509_certificate(json.loads(reply.body)["cert_chain"][0].encode())
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).total_seconds() == pytest.approx(150, abs=2)


async def test_wrong_tokens_get_nothing(cluster: Cluster) -> None:
    pod = await cluster.pod("a")
    assert (await (await cluster.proxy(pod, audience="other")).certify()).status == 401
    proxy = await cluster.proxy(pod)
    proxy.token = await cluster.token("default", "default", "istio-ca")  # not bound to a pod
    assert (await proxy.certify()).status == 403
    proxy.token = "x.y.z"
    assert (await proxy.certify()).status == 401
    proxy.token = ""
    assert (await proxy.certify()).status == 401


async def test_a_deleted_pods_token_and_certificate_get_nothing(cluster: Cluster) -> None:
    pod = await cluster.pod("a")
    proxy = await cluster.proxy(pod)
    await proxy.identify()
    await cluster.admin.delete(POD, "a", "default", grace_period_s=0)
    assert (await proxy.certify()).status == 401
    await eventually(lambda: not cluster.plane.source.has_pod_of("default", "default"))
    assert (await proxy.certify(anonymous=False)).status == 403


async def service(cluster: Cluster, name: str) -> None:
    spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": 9080}]}
    await cluster.admin.create(SERVICE, {"metadata": {"name": name}, "spec": spec}, "default")


async def take(answers: Any, proxy: Any, type_url: str) -> dict[str, Any]:
    """The next answer of a type, acknowledged; others are acknowledged on the way."""
    async with asyncio.timeout(10):
        async for answer in answers:
            await proxy.acknowledge(answer)
            if answer["type_url"] == type_url:
                return dict(answer)
    raise AssertionError("the stream ended")


async def test_a_stream_from_first_push_to_status(cluster: Cluster) -> None:
    await service(cluster, "web")
    proxy = await cluster.proxy(await cluster.pod("web-1", app="web"))
    await proxy.identify()
    answers = await proxy.connect()
    for type_url in (CLUSTER, LISTENER, NAME_TABLE):
        await proxy.request(type_url, resource_names_subscribe=["*"])
    clusters = await take(answers, proxy, CLUSTER)
    name = "outbound|9080||web.default.svc.cluster.local"
    assert name in [one["name"] for one in clusters["resources"]]
    eds = [one["name"] for one in clusters["resources"] if one["resource"].get("type") == "EDS"]
    await proxy.request(ENDPOINT, resource_names_subscribe=eds)
    listeners = await take(answers, proxy, LISTENER)
    assert "virtualInbound" in [one["name"] for one in listeners["resources"]]
    await proxy.request(ROUTE, resource_names_subscribe=["9080"])
    routes = await take(answers, proxy, ROUTE)
    assert [one["name"] for one in routes["resources"]] == ["9080"]
    status, found = await ask(cluster, "syncz")
    assert status == 200
    (entry,) = found
    assert (entry["proxy"], entry["type"]) == ("web-1.default", "sidecar")
    async with asyncio.timeout(10):
        while {entry[kind]["status"] for kind in ("cds", "eds", "lds", "rds")} != {"SYNCED"}:
            ((entry,),) = ((await ask(cluster, "syncz"))[1],)

    await cluster.admin.create(VIRTUAL_SERVICE, virtual_service("v", {"destination": {"host": "nope"}}), "default")
    changed = await take(answers, proxy, ROUTE)
    assert changed["resources"][0]["version"] != routes["resources"][0]["version"]
    dump = (await ask(cluster, "config_dump?proxy=web-1.default"))[1]
    assert "9080" in [one["name"] for one in dump["routes"]]
    assert (await ask(cluster, "config_dump?proxy=nobody.default"))[1] is None


async def test_a_nack_shows_with_path_and_reason(cluster: Cluster) -> None:
    proxy = await cluster.proxy(await cluster.pod("a"))
    await proxy.identify()
    answers = await proxy.connect()
    await proxy.request(CLUSTER, resource_names_subscribe=["*"])
    async with asyncio.timeout(10):
        answer = await anext(answers)
    await proxy.acknowledge(answer, error_detail={"code": 3, "message": "clusters[0].lb_policy: not supported"})
    async with asyncio.timeout(10):
        while True:
            ((entry,),) = ((await ask(cluster, "syncz"))[1],)
            if entry["cds"]["status"] == "ERROR":
                break
    assert entry["cds"]["error"] == {"path": "clusters[0].lb_policy", "message": "not supported"}


@pytest.mark.parametrize("change", ["other~", "pod", "ip", "none"])
async def test_a_stream_must_be_its_certificates(cluster: Cluster, change: str) -> None:
    proxy = await cluster.proxy(await cluster.pod("a"))
    await proxy.identify()
    nodes = {
        "other~": "sidecar~10.244.0.1~a.kube-system~kube-system.svc.cluster.local",
        "pod": "router~10.244.0.1~a.default~default.svc.cluster.local",
        "ip": "sidecar~10.244.9.9~a.default~default.svc.cluster.local",
        "none": "",
    }
    answers = await proxy.connect()
    await proxy.stream.send(json.dumps({"node": {"id": nodes[change]}, "type_url": CLUSTER}).encode())
    with pytest.raises(Exception, match="403"):
        async with asyncio.timeout(10):
            await anext(answers)


async def test_no_certificate_no_configuration(cluster: Cluster) -> None:
    proxy = await cluster.proxy(await cluster.pod("a"))
    for path in ("/v3/ads", "/v3/withdraw", "/v3/discovery:clusters", "/v1/traces"):
        assert (await proxy.post(path, {})).status == 401, path


async def test_polling_for_a_real_envoy(cluster: Cluster) -> None:
    await service(cluster, "web")
    proxy = await cluster.proxy(await cluster.pod("web-1", app="web"))
    await proxy.identify()
    await eventually(lambda: cluster.plane.source.workloads().get(("default", "web-1")))
    body: dict[str, Any] = {"node": {"id": proxy.node_id}}
    reply = await proxy.post("/v3/discovery:clusters", body)
    found = json.loads(reply.body)
    assert {one["@type"] for one in found["resources"]} == {CLUSTER}
    assert (await proxy.post("/v3/discovery:clusters", {**body, "version_info": found["version_info"]})).status == 304
    routes = json.loads((await proxy.post("/v3/discovery:routes", {**body, "resource_names": ["9080"]})).body)
    assert [one["name"] for one in routes["resources"]] == ["9080"]


async def test_traces_in_and_out(cluster: Cluster) -> None:
    proxy = await cluster.proxy(await cluster.pod("a"))
    await proxy.identify()
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    body = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [span, {"traceId": "x"}]}]}]}
    reply = await proxy.post("/v1/traces", body)
    assert json.loads(reply.body)["partialSuccess"]["rejectedSpans"] == "1"
    for query in ("traces?limit=5", f"traces?trace_id={'ab' * 16}"):
        _, found = await ask(cluster, query)
        assert found["resourceSpans"][0]["scopeSpans"][0]["spans"] == [span]


@pytest.mark.parametrize(
    ("audience", "account", "expected"), [("istiod", "istiod", 403), ("istio-ca", "mesh-cli", 401)]
)
async def test_debug_is_for_the_command_line(cluster: Cluster, audience: str, account: str, expected: int) -> None:
    status, _ = await ask(cluster, "syncz", audience=audience, account=account)
    assert status == expected


async def test_withdrawal_waits_for_every_proxys_acknowledgement(cluster: Cluster) -> None:
    await service(cluster, "web")
    server = await cluster.pod("web-1", app="web")
    meta, address = server["metadata"], server["status"]["podIP"]
    from mesh.kube.kinds import ENDPOINT_SLICE

    reference = {"kind": "Pod", "name": meta["name"], "namespace": "default", "uid": meta["uid"]}
    endpoints = [{"addresses": [address], "conditions": {"ready": True}, "targetRef": reference}]
    slice_ = {
        "metadata": {"name": "web-x", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 9080, "protocol": "TCP"}],
    }
    await cluster.admin.create(ENDPOINT_SLICE, slice_, "default")
    caller = await cluster.proxy(await cluster.pod("caller"))
    leaving = await cluster.proxy(server)
    await caller.identify()
    await leaving.identify()
    name = "outbound|9080||web.default.svc.cluster.local"
    answers = await caller.connect()
    await caller.request(ENDPOINT, resource_names_subscribe=[name])
    held = await take(answers, caller, ENDPOINT)
    while address not in json.dumps(held):
        held = await take(answers, caller, ENDPOINT)
    await cluster.admin.delete(POD, "web-1", "default")
    asking = asyncio.ensure_future(leaving.post("/v3/withdraw", {"node": {"id": leaving.node_id}}))
    async with asyncio.timeout(10):
        pushed = await anext(answers)
    assert address not in json.dumps(pushed)
    await asyncio.wait([asking], timeout=0.2)
    assert not asking.done()
    await caller.acknowledge(pushed)
    reply = await asking
    assert (reply.status, json.loads(reply.body)) == (200, {"acknowledged": True})


async def test_persist_waits_for_the_server_but_not_for_a_decision() -> None:
    failures: list[Exception] = [OSError("refused"), ApiError(503, "ServiceUnavailable", "starting")]

    async def step() -> str:
        if failures:
            raise failures.pop(0)
        return "done"

    assert await persist(step) == "done"
    failures.append(ApiError(403, "Forbidden", "no"))
    with pytest.raises(ApiError, match="no"):
        await persist(step)
