"""Policies and the workloads they select: AuthorizationPolicy, Sidecar, Telemetry; Kubernetes Gateways."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

from mesh.analysis.model import (
    GATEWAY_API,
    ROOT_NAMESPACE,
    SYSTEM_NAMESPACES,
    Finding,
    Findings,
    Resource,
    World,
    carries,
    containers,
    match_labels,
    targeted,
)  # fmt: skip
from mesh.istio.values import items, mapping, text

GATEWAY_LABEL = f"{GATEWAY_API}/gateway-name"
BLOCKED = "BLOCKED_CIDRS_IN_JWKS_URIS"
REDIRECTED = "ambient.istio.io/redirection"
SELECTING = ("RequestAuthentication", "AuthorizationPolicy", "WasmPlugin", "Telemetry")


def analyze_authorization(world: World) -> Findings:
    peopled = {one.namespace for kind in ("Pod", "Deployment", "Service") for one in world.of(kind)}
    namespaces = {one.name for one in world.of("Namespace")} | peopled | {"default", *SYSTEM_NAMESPACES}
    for policy in world.of("AuthorizationPolicy"):
        if not targeted(policy):
            yield from _check_workloads(world, policy)
        for path, written in _namespaces(policy):
            if not any(fnmatch.fnmatchcase(name, written) for name in namespaces):
                yield Finding("IST0101", policy, path, ("namespace", written))


def analyze_sidecars(world: World) -> Findings:
    yield from _conflicts(world, "Sidecar", "IST0110", "IST0111")
    for sidecar in world.of("Sidecar"):
        labels = match_labels(sidecar)
        if labels is None:
            namespace = next((one for one in world.of("Namespace") if one.name == sidecar.namespace), None)
            ambient = namespace is not None and namespace.labels.get("istio.io/dataplane-mode") == "ambient"
            if ambient and not world.namespace_injected(sidecar.namespace):
                yield Finding("IST0167", sidecar, "", ("the namespace is in ambient mode and has no sidecars",))
            continue
        pods = world.pods(labels, sidecar.namespace)
        if not pods:
            yield Finding("IST0101", sidecar, "spec.workloadSelector", ("selector", _text(labels)))
        elif all(pod.annotations.get(REDIRECTED) == "enabled" for pod in pods):
            yield Finding("IST0167", sidecar, "spec.workloadSelector", ("the pods are in ambient mode",))


def analyze_telemetries(world: World) -> Findings:
    yield from _conflicts(world, "Telemetry", "IST0159", "IST0160")
    for one in world.of("Telemetry"):
        labels = match_labels(one)
        if labels and not targeted(one) and not world.pods(labels, one.namespace):
            yield Finding("IST0101", one, "spec.selector", ("selector", _text(labels)))


def analyze_telemetry_providers(world: World) -> Findings:
    """A Telemetry that logs or traces needs a provider: its own, or one of the mesh's defaults."""
    defaults = mapping(world.mesh_config.get("defaultProviders"))
    old = {
        text(mapping(one).get("name"))
        for one in items(world.mesh_config.get("extensionProviders")) if mapping(one).get("lightstep") is not None
    }  # fmt: skip
    for one in world.of("Telemetry"):
        logging = items(one.spec.get("accessLogging"))
        named = [entry for entry in logging if items(mapping(entry).get("providers"))]
        if logging and not named and not items(defaults.get("accessLogging")):
            yield Finding("IST0157", one, "spec.accessLogging")
        for index, tracing in enumerate(items(one.spec.get("tracing"))):
            for provider in items(mapping(tracing).get("providers")):
                if text(mapping(provider).get("name")) in old:
                    yield Finding("IST0002", one, f"spec.tracing[{index}].providers",
                                  ("lightstep is gone from Istio: use an opentelemetry provider",))  # fmt: skip


def analyze_gateway_selectors(world: World) -> Findings:
    for kind in SELECTING:
        for policy in world.of(kind):
            labels = match_labels(policy)
            if not labels or targeted(policy):
                continue
            for pod in world.pods(labels, None if policy.namespace == ROOT_NAMESPACE else policy.namespace):
                if GATEWAY_LABEL in pod.labels:
                    yield Finding("IST0166", policy, "spec.selector", (pod.labels[GATEWAY_LABEL],))
                    break


def analyze_jwks(world: World) -> Findings:
    """istiod fetches keys from wherever a RequestAuthentication says: unless addresses are blocked, from inside too."""
    fetching = any(
        mapping(rule).get("jwksUri")
        for one in world.of("RequestAuthentication") for rule in items(one.spec.get("jwtRules"))
    )  # fmt: skip
    for deployment in world.of("Deployment") if fetching else ():
        if deployment.labels.get("app") != "istiod":
            continue
        template = mapping(mapping(deployment.spec.get("template")).get("spec"))
        variables = {mapping(one).get("name"): mapping(one).get("value") for _, container in containers(template)
                     for one in items(container.get("env"))}  # fmt: skip
        if not variables.get(BLOCKED):
            yield Finding("IST0175", deployment, "spec.template.spec.containers")


def _check_workloads(world: World, policy: Resource) -> Findings:
    labels = match_labels(policy)
    everywhere = policy.namespace == ROOT_NAMESPACE
    if everywhere and not labels:
        return
    if not world.pods(labels or {}, None if everywhere else policy.namespace):
        yield Finding("IST0127", policy, "spec.selector", (_text(labels or {}),))


def _namespaces(policy: Resource) -> Iterator[tuple[str, str]]:
    for at, rule in enumerate(items(policy.spec.get("rules"))):
        for of, source in enumerate(items(mapping(rule).get("from"))):
            for key in ("namespaces", "notNamespaces"):
                for index, name in enumerate(items(mapping(mapping(source).get("source")).get(key))):
                    yield f"spec.rules[{at}].from[{of}].source.{key}[{index}]", text(name)


def _conflicts(world: World, kind: str, selected: str, unselected: str) -> Findings:
    """Two of a kind that select one pod, or two of a namespace that select everything."""
    every = [one for one in world.of(kind) if not targeted(one)]
    for one in every:
        labels = match_labels(one)
        rivals = [
            other for other in every if other.namespace == one.namespace and bool(match_labels(other)) == bool(labels)
        ]
        if not labels:
            if len(rivals) > 1:
                yield Finding(unselected, one, "", (", ".join(other.name for other in rivals),))
            continue
        for pod in world.pods(labels, one.namespace):
            same = [other.name for other in rivals if carries(pod.labels, match_labels(other) or {})]
            if len(same) > 1:
                yield Finding(selected, one, "spec", (", ".join(same), pod.name))
                break


def _text(labels: object) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(mapping(labels).items()))
