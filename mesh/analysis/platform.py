"""What surrounds the mesh: webhooks, definitions of the Gateway API, and EnvoyFilters of other meshes."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from mesh.analysis.model import GATEWAY_API, Finding, Findings, Resource, World
from mesh.istio.values import items, mapping, text
from mesh.kube.selectors import SelectorError, from_api

INJECTION = "sidecar-injector.istio.io"
EXTERNAL = ("istio-validator", "istiod-default-validator", "istio-sidecar-injector")
LABELS = {
    "namespace": {"istio-injection": ("enabled", "disabled"), "istio.io/rev": ()},
    "object": {"sidecar.istio.io/inject": ("true", "false"), "istio.io/rev": ()},
}
MINIMUM_VERSIONS = {f"tlsroutes.{GATEWAY_API}": (1, 5, 0)}
"""TLSRoute is read in its v1 form, which came with 1.5."""

RELATIVE = frozenset({"INSERT_BEFORE", "INSERT_AFTER", "REPLACE", "MERGE", "REMOVE"})
ROUTES = frozenset({"ROUTE_CONFIGURATION", "HTTP_ROUTE"})
FILTERS = frozenset({"NETWORK_FILTER", "HTTP_FILTER"})


def analyze_webhooks(world: World) -> Findings:
    """Injection is asked once for each pod: two webhooks that match the same one would both be."""
    hooks = [
        (config, index, mapping(hook))
        for config in world.of("MutatingWebhookConfiguration")
        for index, hook in enumerate(items(config.object.get("webhooks")))
        if text(mapping(hook).get("name")).endswith(INJECTION)
    ]
    cases = list(_cases([hook for _, _, hook in hooks]))
    for config, index, hook in hooks:
        service = mapping(mapping(hook.get("clientConfig")).get("service"))
        if service and world.find("Service", text(service.get("namespace")), text(service.get("name"))) is None:
            told = f"Injector refers to a control plane service that does not exist: {service.get('name')}"
            yield Finding("IST0139", config, f"webhooks[{index}].clientConfig.service", (told,))
        rivals = {
            other.name for other, _, theirs in hooks
            if theirs is not hook and any(_matches(hook, case) and _matches(theirs, case) for case in cases)
        }  # fmt: skip
        if rivals:
            yield Finding(
                "IST0139", config, f"webhooks[{index}]", (f"Webhook overlaps with: {', '.join(sorted(rivals))}",)
            )


def analyze_external_control_plane(world: World) -> Findings:
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        for config in world.of(kind):
            if not config.name.startswith(EXTERNAL):
                continue
            for index, hook in enumerate(map(mapping, items(config.object.get("webhooks")))):
                yield from _check_address(config, hook, f"webhooks[{index}].clientConfig")


def analyze_definitions(world: World) -> Findings:
    for definition in world.of("CustomResourceDefinition"):
        minimum = MINIMUM_VERSIONS.get(definition.name)
        written = text(definition.annotations.get(f"{GATEWAY_API}/bundle-version"))
        found = re.match(r"v(\d+)\.(\d+)\.(\d+)", written)
        if minimum and found and tuple(map(int, found.groups())) < minimum:
            wanted = "v" + ".".join(map(str, minimum))
            yield Finding(
                "IST0176", definition, f"metadata.annotations[{GATEWAY_API}/bundle-version]", (written, wanted)
            )


def analyze_envoy_filters(world: World) -> Findings:
    for one in world.of("EnvoyFilter"):
        relative = versioned = False
        for index, entry in enumerate(map(mapping, items(one.spec.get("configPatches")))):
            operation, target = text(mapping(entry.get("patch")).get("operation")), text(entry.get("applyTo"))
            path = f"spec.configPatches[{index}]"
            wrong = _wrong_operation(operation, target)
            if wrong:
                yield Finding(wrong, one, path)
            elif operation in RELATIVE and not one.spec.get("priority"):
                relative = True
                proxy = mapping(mapping(entry.get("match")).get("proxy"))
                versioned = versioned or bool(proxy.get("proxyVersion"))
        if relative:
            yield Finding("IST0151", one, "spec.configPatches")
        if versioned:
            yield Finding("IST0155", one, "spec.configPatches")


def _wrong_operation(operation: str, target: str) -> str:
    if operation == "REPLACE" and target not in FILTERS:
        return "IST0152"
    if operation == "ADD" and target in ROUTES:
        return "IST0153"
    return "IST0154" if operation == "REMOVE" and target in ROUTES else ""


Case = tuple[dict[str, str], dict[str, str]]


def _cases(hooks: list[Mapping[str, Any]]) -> Iterator[Case]:
    """Labels of (namespace, object) that injection tells apart: each known label absent, or with a value it means."""
    revisions = sorted({
        text(value)
        for hook in hooks for key in ("namespaceSelector", "objectSelector")
        for value in _revisions(mapping(hook.get(key)))
    })  # fmt: skip
    sides: list[list[dict[str, str]]] = []
    for side in ("namespace", "object"):
        labels = {key: values or tuple(revisions) for key, values in LABELS[side].items()}
        choices = [[(key, None), *((key, value) for value in values)] for key, values in labels.items()]
        sides.append([{key: value for key, value in one if value} for one in itertools.product(*choices)])
    yield from itertools.product(sides[0], sides[1])


def _revisions(selector: Mapping[str, Any]) -> Iterator[Any]:
    if "istio.io/rev" in mapping(selector.get("matchLabels")):
        yield selector["matchLabels"]["istio.io/rev"]
    for expression in map(mapping, items(selector.get("matchExpressions"))):
        if expression.get("key") == "istio.io/rev":
            yield from items(expression.get("values"))


def _matches(hook: Mapping[str, Any], case: Case) -> bool:
    try:
        return all(
            from_api(hook.get(key)).matches(labels)
            for key, labels in zip(("namespaceSelector", "objectSelector"), case, strict=True)
            if hook.get(key) is not None
        )
    except SelectorError:
        return False


def _check_address(config: Resource, hook: Mapping[str, Any], path: str) -> Findings:
    client, name = mapping(hook.get("clientConfig")), text(hook.get("name"))
    if client.get("service"):
        return
    url = text(client.get("url"))
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    if not host:
        yield Finding("IST0163", config, path, (name, "it is blank" if not url else f"{url} has no host"))
        return
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    yield Finding("IST0164", config, path, (name, host))
