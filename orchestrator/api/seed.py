"""What is in every cluster from the start, and what every namespace gets."""

from __future__ import annotations

from mesh.kube.errors import ApiError
from mesh.kube.kinds import CONFIG_MAP, ENDPOINT_SLICE, ENDPOINTS, NAMESPACE, SERVICE, SERVICE_ACCOUNT, Kind
from mesh.kube.objects import Object
from mesh.kube.tasks import spawn
from orchestrator.api.call import INTERNAL, Call
from orchestrator.api.resources import NAMESPACES, Resources
from orchestrator.store.base import Change, Store

NAMESPACES_SEEDED = ("default", "kube-system", "kube-public", "kube-node-lease")
API_SERVICE_ADDRESS = "10.96.0.1"
ROOT_CONFIG_MAP = "kube-root-ca.crt"


async def seed(resources: Resources, *, authority: str, host: str, port: int) -> None:
    """Bring the fixed objects into being; all of it may exist already, with an older port or authority."""
    for namespace in NAMESPACES_SEEDED:
        await _ensure(resources, NAMESPACE, {"metadata": {"name": namespace}})
    for record in (await resources.store.scan(NAMESPACES)).records:
        await furnish(resources, record.key.name, authority)
    service = {
        "metadata": {
            "name": "kubernetes",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "clusterIP": API_SERVICE_ADDRESS,
            "ports": [{"name": "https", "port": 443, "targetPort": port, "protocol": "TCP"}],
        },
    }
    await _ensure(resources, SERVICE, service, "default")
    ports = [{"name": "https", "port": port, "protocol": "TCP"}]
    endpoints = {
        "metadata": {"name": "kubernetes", "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": [{"addresses": [{"ip": host}], "ports": ports}],
    }
    await _ensure(resources, ENDPOINTS, endpoints, "default")
    slice_ = {
        "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [host], "conditions": {"ready": True}}],
        "ports": ports,
    }
    await _ensure(resources, ENDPOINT_SLICE, slice_, "default")


async def furnish(resources: Resources, namespace: str, authority: str) -> None:
    """A namespace's ServiceAccount `default` and the ConfigMap with the API server's authority."""
    await _ensure(resources, SERVICE_ACCOUNT, {"metadata": {"name": "default"}}, namespace)
    root = {"metadata": {"name": ROOT_CONFIG_MAP}, "data": {"ca.crt": authority}}
    await _ensure(resources, CONFIG_MAP, root, namespace)


async def _ensure(resources: Resources, kind: Kind, wanted: Object, namespace: str = "") -> None:
    name = wanted["metadata"]["name"]
    call = Call(INTERNAL, kind, namespace, name)
    try:
        await resources.create(call, {**wanted, "metadata": dict(wanted["metadata"])})
    except ApiError as problem:
        if problem.code != 409:
            raise
        content = {key: value for key, value in wanted.items() if key != "metadata"}
        if content:
            await resources.patch(Call(INTERNAL, kind, namespace, name), "merge", content)


class Furnisher:
    """Furnishes namespaces as they appear, and again when somebody removed what is in them."""

    def __init__(self, store: Store, resources: Resources, authority: str) -> None:
        self._resources = resources
        self._authority = authority
        self._unsubscribe = store.subscribe(self._changed)

    def stop(self) -> None:
        self._unsubscribe()

    def _changed(self, change: Change) -> None:
        key = change.record.key
        if key.resource == NAMESPACES and change.type == "ADDED":
            spawn(self._furnish(key.name), name=f"furnish-{key.name}")
        elif change.type == "DELETED" and (key.resource, key.name) in (
            ("/serviceaccounts", "default"),
            ("/configmaps", ROOT_CONFIG_MAP),
        ):
            spawn(self._furnish(key.namespace), name=f"furnish-{key.namespace}")

    async def _furnish(self, namespace: str) -> None:
        try:
            await furnish(self._resources, namespace, self._authority)
        except ApiError as problem:
            # The namespace went away meanwhile.
            if problem.code not in (403, 404):
                raise
