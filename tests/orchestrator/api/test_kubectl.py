"""The real kubectl against the API server: each command's words and exit code. Skipped where kubectl is absent."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import DEPLOYMENT, EVENT, NODE, POD
from mesh.kube.objects import Object
from orchestrator.api.server import ApiServer
from orchestrator.runtimes.base import Session
from tests.support.api_objects import deployment, pod
from tests.support.kubectl import TIMEOUT_S, VERSIONS, Kubectl, command, require

pytestmark = pytest.mark.integration


class Node:
    """A node whose containers said three lines, and one more for who follows."""

    async def logs(
        self,
        pod: Object,
        container: str,
        *,
        follow: bool = False,
        previous: bool = False,
        tail_lines: int | None = None,
        since_seconds: float | None = None,
        timestamps: bool = False,
        limit_bytes: int | None = None,
    ) -> AsyncIterator[bytes]:
        if previous:
            raise ApiError(400, "BadRequest", "previous terminated container not found", {"message": "no previous"})
        lines = [f"{container} {number}\n".encode() for number in range(3)]
        for line in lines[-tail_lines:] if tail_lines else lines:
            yield line
        if follow:
            await asyncio.sleep(0.05)
            yield b"followed\n"

    def execute(self, pod: Object, container: str, argv: Sequence[str], *, terminal: bool) -> Session:
        raise ApiError(500, "InternalError", "no containers here", {"message": "no containers here"})

    async def connect(self, pod: Object, port: int) -> socket.socket:
        raise ConnectionRefusedError


@pytest.fixture(params=["1.32"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def kubectl(server: ApiServer, tmp_path: Path, version: str) -> Kubectl:
    program = require(version)
    server.set_node_backend(Node())
    return command(program, tmp_path)


MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:1", ports: [{containerPort: 80}], env: [{name: A, value: "1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, name: http}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec: {hosts: [web], http: [{route: [{destination: {host: web}, weight: 90}, {destination: {host: v2}, weight: 10}]}]}
"""
CHANGED = MANIFEST.replace("90", "80").replace("web:1", "web:2")
TEMPLATE = "{.spec.replicas}/{.spec.template.spec.containers[0].ports[0].containerPort}"
POD_MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: redis, labels: {app: redis}}
spec: {containers: [{name: redis, image: redis}]}
"""

STORY: list[tuple[str, str, str]] = [
    # command, what standard output and error match, standard input
    ("version", r"Server Version: v1\.32", ""),
    ("api-resources", r"virtualservices +vs +networking\.istio\.io/v1 +true +VirtualService", ""),
    ("api-versions", r"networking\.istio\.io/v1alpha3", ""),
    ("get ns", r"NAME +STATUS +AGE\ndefault +Active", ""),
    ("apply -f -", r"deployment.apps/web created\nservice/web created\nvirtualservice.*/web created", MANIFEST),
    ("apply -f -", r"deployment.apps/web unchanged\nservice/web unchanged\nvirtualservice.*/web unchanged", MANIFEST),
    ("apply -f -", r"deployment.apps/web configured\n.*unchanged\n.*configured", CHANGED),
    ("get deploy web -o jsonpath={.spec.template.spec.containers[0].image}", r"web:2", ""),
    ("diff -f -", r"^$", CHANGED),
    ("get vs", r"NAME +GATEWAYS +HOSTS +AGE\nweb +\[\"web\"\]", ""),
    ("get deploy -o wide", r"NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nweb +0/2", ""),
    ("get svc web", r"web +ClusterIP +10\.96\.\d+\.\d+ +<none> +80/TCP", ""),
    ("create -f -", r"pod/redis created", POD_MANIFEST),
    ("create -f -", r'Error from server \(AlreadyExists\).*pods "redis" already exists', POD_MANIFEST),
    ("get pods -o wide", r"NAME +READY +STATUS +RESTARTS +AGE +IP +NODE.*\nredis +0/1 +Pending +0 +\d+s +<none>", ""),
    ("get pods -A -l app=redis", r"NAMESPACE +NAME.*\ndefault +redis", ""),
    ("get pod redis -o yaml", r"kind: Pod\n(.*\n)*  uid: ", ""),
    ("get pods -o json", r'"kind": "List"', ""),
    ("get pods -o name", r"^pod/redis\n$", ""),
    ("get pods --field-selector=status.phase=Running", r"No resources found", ""),
    ("get pods --field-selector=no.such=x", r"field label not supported: no.such", ""),
    ("describe pod redis", r"Service Account: +default\n(.*\n)*QoS Class: +BestEffort(.*\n)*Events: +<none>", ""),
    ("describe deploy web", r"Replicas: +2 desired", ""),
    ("describe svc web", r"TargetPort: +80/TCP", ""),
    ("describe ns default", r"Status: +Active", ""),
    ("describe vs web", r"Weight: +80", ""),
    ("run nginx --image=nginx --dry-run=client -o yaml", r"run: nginx\n  name: nginx\nspec:", ""),
    ("run nginx --image=nginx --dry-run=server", r"pod/nginx created \(server dry run\)", ""),
    ("get pod nginx", r"\(NotFound\): pods \"nginx\" not found", ""),
    ("run nginx --image=nginx", r"pod/nginx created", ""),
    ("logs nginx", r"^nginx 0\nnginx 1\nnginx 2\n$", ""),
    ("logs nginx --tail=1", r"^nginx 2\n$", ""),
    ("logs -f nginx", r"followed\n$", ""),
    ("logs nginx -c nope", r"container nope is not valid for pod nginx", ""),
    ("logs -l app=redis", r"^redis 0\n", ""),
    ("label pod nginx tier=front", r"pod/nginx labeled", ""),
    ("label pod nginx tier=back", r"already has a value \(front\), and --overwrite is false", ""),
    ("label pod nginx tier-", r"pod/nginx unlabeled", ""),
    ("annotate pod nginx a=b", r"pod/nginx annotated", ""),
    ("scale deploy web --replicas=5", r"deployment.apps/web scaled", ""),
    ("scale deploy web --replicas=1 --current-replicas=5", r"deployment.apps/web scaled", ""),
    ("scale deploy web --replicas=-1", r"must be greater than or equal to 0|--replicas=COUNT", ""),
    ("set image deploy/web web=web:3", r"image updated", ""),
    ("set env deploy/web B=2", r"env updated", ""),
    ("get deploy web -o jsonpath={.spec.template.spec.containers[0].env[*].name}", r"^A B$", ""),
    ("rollout pause deploy web", r"paused", ""),
    ("rollout resume deploy web", r"resumed", ""),
    ("rollout restart deploy web", r"restarted", ""),
    ("patch deploy web --type=json -p [{\"op\":\"test\",\"path\":\"/kind\",\"value\":\"x\"}]", r"invalid|test", ""),
    ("patch vs web --type=strategic -p {}", r"415|UnsupportedMediaType|strategic", ""),
    ("expose deploy web --name=again --port=81", r"service/again exposed", ""),
    ("create configmap c --from-literal=a=b", r"configmap/c created", ""),
    ("create secret generic s --from-literal=p=q", r"secret/s created", ""),
    ("get secret s -o jsonpath={.data.p}", r"^cQ==$", ""),
    ("create deployment d --image=nginx --replicas=3 --port=80", r"deployment.apps/d created", ""),
    (f"get deploy d -o jsonpath={TEMPLATE}", r"^3/80$", ""),
    ("create service clusterip cip --tcp=80:8080", r"service/cip created", ""),
    ("create sa robot", r"serviceaccount/robot created", ""),
    ("create token robot", r"^eyJ", ""),
    ("create ns team", r"namespace/team created", ""),
    ("auth whoami", r"kubernetes-admin", ""),
    ("explain deployment.spec.template.spec.containers.ports", r"containerPort\t<integer>", ""),
    ("explain vs.spec.http.route", r"weight\t<integer>", ""),
    ("get all", r"pod/nginx(.*\n)*.*service/web(.*\n)*.*deployment.apps/web", ""),
    ("get events", r"No resources found", ""),
    ("delete pod nginx", r'pod "nginx" deleted', ""),
    ("delete deploy,svc -l app=web", r'deployment.apps "web" deleted', ""),
    ("delete ns team", r'namespace "team" deleted', ""),
    ("get ns team", r"NotFound", ""),
    ("delete vs --all", r'"web" deleted', ""),
]  # fmt: skip


async def test_a_story(kubectl: Kubectl) -> None:
    for words, expected, stdin in STORY:
        result = await kubectl(*words.split(" "), stdin=stdin)
        assert re.search(expected, result.out + result.err), f"kubectl {words}: {result}"


@pytest.mark.parametrize("version", VERSIONS, indirect=True)
async def test_every_version(kubectl: Kubectl) -> None:
    applied = await kubectl("apply", "-f", "-", stdin=MANIFEST)
    assert applied.code == 0, applied
    created = await kubectl("create", "configmap", "c", "--from-literal=a=b")
    assert created.code == 0, created
    listed = await kubectl("get", "deploy,svc,vs,cm", "-o", "wide")
    assert re.search(r"deployment.apps/web +0/2", listed.out), listed
    described = await kubectl("describe", "deploy", "web")
    assert "2 desired" in described.out, described


BAD = [
    (MANIFEST.replace("replicas: 2", "replicas: 2\n  foo: 1"), r'strict decoding error: unknown field "spec.foo"'),
    (MANIFEST.replace("replicas: 2", "replicas: two"), r"cannot unmarshal string into Go struct field"),
    (
        MANIFEST.replace("replicas: 2", "replicas: -2"),
        r"spec.replicas: Invalid value: -2: must be greater than or equal",
    ),
    (MANIFEST.replace("weight: 90", "wait: 90"), r'unknown field "spec.http\[0\].route\[0\].wait"'),
    (MANIFEST.replace("hosts: [web]", "hosts: web"), r"spec.hosts in body must be of type array"),
]


@pytest.mark.parametrize(("manifest", "expected"), BAD)
async def test_bad_manifests(kubectl: Kubectl, manifest: str, expected: str) -> None:
    result = await kubectl("create", "-f", "-", stdin=manifest)
    assert result.code == 1
    assert re.search(expected, result.err), result


async def test_watching(kubectl: Kubectl, server: ApiServer) -> None:
    client = server.local_client
    await client.create(POD, pod("a"), "default")
    watching = asyncio.ensure_future(kubectl("get", "pods", "-w", "--request-timeout=3s"))
    async with asyncio.timeout(TIMEOUT_S):
        while not list(server.hub.watchers()):
            await asyncio.sleep(0.01)
    status = {"phase": "Running", "containerStatuses": [{"name": "main", "ready": True, "state": {"running": {}}}]}
    await client.patch(POD, "a", {"status": status}, "default", subresource="status")
    await client.delete(POD, "a", "default", grace_period_s=0)
    out = (await watching).out
    assert re.match(
        r"NAME +READY +STATUS +RESTARTS +AGE\na +0/1 +Pending.*\na +1/1 +Running.*\na +1/1 +Terminating", out
    ), out
    assert out.count("NAME") == 1


async def test_rollout_status(kubectl: Kubectl, server: ApiServer) -> None:
    client = server.local_client
    await client.create(DEPLOYMENT, deployment("web"), "default")
    waiting = asyncio.ensure_future(kubectl("rollout", "status", "deploy/web", "--timeout=15s"))
    async with asyncio.timeout(TIMEOUT_S):
        while not list(server.hub.watchers()):
            await asyncio.sleep(0.01)
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
    status = {"observedGeneration": 1, **counts}
    await client.patch(DEPLOYMENT, "web", {"status": status}, "default", subresource="status")
    result = await waiting
    assert result.code == 0, result
    assert 'deployment "web" successfully rolled out' in result.out


async def test_nodes_and_events(kubectl: Kubectl, server: ApiServer) -> None:
    client = server.local_client
    conditions = [{"type": "Ready", "status": "True"}]
    node = {"metadata": {"name": "n"}, "status": {"capacity": {"cpu": "2", "memory": "1Gi"}, "conditions": conditions}}
    await client.create(NODE, node)
    created = await client.create(POD, pod("p"), "default")
    about = {"kind": "Pod", "namespace": "default", "name": "p", "uid": created["metadata"]["uid"]}
    event = {
        "metadata": {"name": "p.1"},
        "involvedObject": about,
        "reason": "Failed",
        "message": "no such image",
        "type": "Warning",
        "lastTimestamp": created["metadata"]["creationTimestamp"],
    }
    await client.create(EVENT, event, "default")
    assert re.search(r"n +Ready +<none> +\d+s", (await kubectl("get", "nodes")).out)
    assert re.search(r"Warning +Failed +pod/p +no such image", (await kubectl("get", "events")).out)
    assert "no such image" in (await kubectl("describe", "pod", "p")).out
    assert (await kubectl("describe", "node", "n")).code == 0
    assert (await kubectl("cordon", "n")).code == 0
    assert re.search(r"n +Ready,SchedulingDisabled", (await kubectl("get", "nodes")).out)
