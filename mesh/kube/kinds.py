"""The registry of resources: how a kind is named in URLs, and what it can do.

One row a resource. Discovery, the API server's routes, the client and the command line all read this table.
A custom resource adds rows at run time to a `KindRegistry`; the built-in rows never change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource of one version of one group."""

    group: str  # "" is the core group
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    singular: str = field(default="")
    verbs: tuple[str, ...] = (
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    )

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`deployments.apps`, as error messages name a resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def singular_name(self) -> str:
        return self.singular or self.kind.lower()

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """The REST path; `namespace` None or "" on a namespaced kind means all namespaces."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


class KindRegistry:
    """Kinds by (group, version, plural), by (apiVersion, kind) and by the words people type."""

    def __init__(self, kinds: Iterable[Kind] = ()) -> None:
        self._by_resource: dict[tuple[str, str, str], Kind] = {}
        self._by_gvk: dict[tuple[str, str], Kind] = {}
        for kind in kinds:
            self.add(kind)

    def add(self, kind: Kind) -> None:
        self._by_resource[(kind.group, kind.version, kind.plural)] = kind
        self._by_gvk[(kind.api_version, kind.kind)] = kind

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_resource.values())

    def resource(self, group: str, version: str, plural: str) -> Kind | None:
        return self._by_resource.get((group, version, plural))

    def gvk(self, api_version: str, kind: str) -> Kind | None:
        return self._by_gvk.get((api_version, kind))

    def word(self, word: str) -> Kind | None:
        """Resolve what a person typed: plural, singular, short name, kind, or `deployments.apps`."""
        wanted = word.lower()
        for kind in self._by_resource.values():
            group = f".{kind.group}" if kind.group else ""
            names = (kind.plural, kind.singular_name, *kind.short_names)
            names += tuple(f"{name}{group}" for name in names)
            if wanted in names:
                return kind
        return None


_ISTIO_VERSIONS = {
    "networking.istio.io": ("v1", "v1beta1", "v1alpha3"),
    "security.istio.io": ("v1", "v1beta1"),
    "telemetry.istio.io": ("v1", "v1alpha1"),
}


def _istio(
    kind: str, plural: str, *short_names: str, group: str = "networking.istio.io", versions: tuple[str, ...] = ()
) -> list[Kind]:
    categories = ("istio-io", group.replace(".", "-"))
    return [
        Kind(
            group,
            version,
            kind,
            plural,
            short_names=short_names,
            categories=categories,
            subresources=("status",),
        )
        for version in versions or _ISTIO_VERSIONS[group]
    ]


POD = Kind(
    "",
    "v1",
    "Pod",
    "pods",
    short_names=("po",),
    categories=("all",),
    subresources=("status", "log", "binding", "exec", "portforward", "eviction"),
)
SERVICE = Kind("", "v1", "Service", "services", short_names=("svc",), categories=("all",), subresources=("status",))
ENDPOINTS = Kind("", "v1", "Endpoints", "endpoints", short_names=("ep",), singular="endpoints")
ENDPOINT_SLICE = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps", short_names=("cm",))
SECRET = Kind("", "v1", "Secret", "secrets")
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts", short_names=("sa",), subresources=("token",))
NAMESPACE = Kind(
    "",
    "v1",
    "Namespace",
    "namespaces",
    namespaced=False,
    short_names=("ns",),
    subresources=("status", "finalize"),
)
NODE = Kind("", "v1", "Node", "nodes", namespaced=False, short_names=("no",), subresources=("status",))
EVENT = Kind("", "v1", "Event", "events", short_names=("ev",))
DEPLOYMENT = Kind(
    "apps", "v1", "Deployment", "deployments",
    short_names=("deploy",), categories=("all",), subresources=("status", "scale"),
)  # fmt: skip
REPLICA_SET = Kind(
    "apps", "v1", "ReplicaSet", "replicasets",
    short_names=("rs",), categories=("all",), subresources=("status", "scale"),
)  # fmt: skip
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
MUTATING_WEBHOOK = Kind(
    "admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations",
    namespaced=False, categories=("api-extensions",),
)  # fmt: skip
VALIDATING_WEBHOOK = Kind(
    "admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations",
    namespaced=False, categories=("api-extensions",),
)  # fmt: skip
TOKEN_REVIEW = Kind("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", namespaced=False, verbs=("create",))
SELF_SUBJECT_REVIEW = Kind(
    "authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False, verbs=("create",),
)  # fmt: skip
ACCESS_REVIEWS = tuple(
    Kind("authorization.k8s.io", "v1", kind, f"{kind.lower()}s", namespaced=kind.startswith("Local"), verbs=("create",))
    for kind in (
        "SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview", "LocalSubjectAccessReview",
    )
)  # fmt: skip
VIRTUAL_SERVICE, *_OLD_VIRTUAL_SERVICE = _istio("VirtualService", "virtualservices", "vs")
DESTINATION_RULE, *_OLD_DESTINATION_RULE = _istio("DestinationRule", "destinationrules", "dr")
SERVICE_ENTRY, *_OLD_SERVICE_ENTRY = _istio("ServiceEntry", "serviceentries", "se")
GATEWAY, *_OLD_GATEWAY = _istio("Gateway", "gateways", "gw")
PEER_AUTHENTICATION, *_OLD_PEER_AUTHENTICATION = _istio(
    "PeerAuthentication", "peerauthentications", "pa", group="security.istio.io"
)
REQUEST_AUTHENTICATION, *_OLD_REQUEST_AUTHENTICATION = _istio(
    "RequestAuthentication", "requestauthentications", "ra", group="security.istio.io"
)
AUTHORIZATION_POLICY, *_OLD_AUTHORIZATION_POLICY = _istio(
    "AuthorizationPolicy", "authorizationpolicies", "ap", group="security.istio.io"
)
WORKLOAD_ENTRY, *_OLD_WORKLOAD_ENTRY = _istio("WorkloadEntry", "workloadentries", "we")
WORKLOAD_GROUP, *_OLD_WORKLOAD_GROUP = _istio("WorkloadGroup", "workloadgroups", "wg")
SIDECAR, *_OLD_SIDECAR = _istio("Sidecar", "sidecars")
PROXY_CONFIG = _istio("ProxyConfig", "proxyconfigs", versions=("v1beta1",))[0]
TELEMETRY, *_OLD_TELEMETRY = _istio("Telemetry", "telemetries", "telemetry", group="telemetry.istio.io")
ENVOY_FILTER = _istio("EnvoyFilter", "envoyfilters", versions=("v1alpha3",))[0]
WASM_PLUGIN = _istio("WasmPlugin", "wasmplugins", group="extensions.istio.io", versions=("v1alpha1",))[0]

BUILT_IN: tuple[Kind, ...] = (
    POD, SERVICE, ENDPOINTS, ENDPOINT_SLICE, CONFIG_MAP, SECRET, SERVICE_ACCOUNT, NAMESPACE, NODE, EVENT,
    DEPLOYMENT, REPLICA_SET, LEASE, MUTATING_WEBHOOK, VALIDATING_WEBHOOK, TOKEN_REVIEW, SELF_SUBJECT_REVIEW,
    *ACCESS_REVIEWS,
    VIRTUAL_SERVICE, *_OLD_VIRTUAL_SERVICE,
    DESTINATION_RULE, *_OLD_DESTINATION_RULE,
    SERVICE_ENTRY, *_OLD_SERVICE_ENTRY,
    GATEWAY, *_OLD_GATEWAY,
    PEER_AUTHENTICATION, *_OLD_PEER_AUTHENTICATION,
    REQUEST_AUTHENTICATION, *_OLD_REQUEST_AUTHENTICATION,
    AUTHORIZATION_POLICY, *_OLD_AUTHORIZATION_POLICY,
    WORKLOAD_ENTRY, *_OLD_WORKLOAD_ENTRY,
    WORKLOAD_GROUP, *_OLD_WORKLOAD_GROUP,
    SIDECAR, *_OLD_SIDECAR,
    TELEMETRY, *_OLD_TELEMETRY,
    PROXY_CONFIG, ENVOY_FILTER, WASM_PLUGIN,
)  # fmt: skip


def builtin_registry() -> KindRegistry:
    return KindRegistry(BUILT_IN)
