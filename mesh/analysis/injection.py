"""Which namespaces and pods get a sidecar, and whether they have the right one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mesh.analysis.model import PROXY, SYSTEM_NAMESPACES, Finding, Findings, Resource, World, containers
from mesh.istio.values import mapping, text

INJECTION = "istio-injection"
REVISION = "istio.io/rev"
AMBIENT = "istio.io/dataplane-mode"
INJECT = "sidecar.istio.io/inject"
PROXY_IMAGE = "sidecar.istio.io/proxyImage"
INJECTOR = "istio-sidecar-injector"


def analyze_injection(world: World) -> Findings:
    by_default = _enabled_by_default(world)
    injected: set[str] = set()
    for namespace in world.of("Namespace"):
        if namespace.name in SYSTEM_NAMESPACES:
            continue
        labels = namespace.labels
        asked = [
            f"{key}={labels[key]}" for key in (INJECTION, REVISION, AMBIENT)
            if key in labels and not (key == AMBIENT and labels[key] != "ambient")
        ]  # fmt: skip
        if labels.get(INJECTION) == "disabled":
            continue
        if len(asked) > 1:
            yield Finding("IST0123", namespace, "metadata.labels", (", ".join(asked),))
        elif not asked:
            yield Finding("IST0148" if by_default else "IST0102", namespace)
            if by_default:
                injected.add(namespace.name)
        elif AMBIENT not in labels:
            injected.add(namespace.name)
    for pod in world.of("Pod"):
        if pod.namespace in injected and not _excused(pod):
            yield Finding("IST0103", pod)


def analyze_proxy_images(world: World) -> Findings:
    """Pods of injected namespaces whose proxy is not the image that would be injected today."""
    wanted = {_revision(one): image for one in _injectors(world) if (image := _image(one))}
    for namespace in world.of("Namespace"):
        labels = namespace.labels
        revision = text(labels.get(REVISION)) or ("default" if labels.get(INJECTION) == "enabled" else "")
        current = wanted.get(revision)
        if not current:
            continue
        stale = [
            pod.name for pod in world.of("Pod")
            if pod.namespace == namespace.name and PROXY_IMAGE not in pod.annotations
            and any(one.get("name") == PROXY and one.get("image") not in (None, current)
                    for _, one in containers(pod.spec))
        ]  # fmt: skip
        if stale:
            yield Finding("IST0158", namespace, "", (", ".join(stale),))


def analyze_image_auto(world: World) -> Findings:
    """`image: auto` is filled in by injection, and stays a broken name without it."""
    for pod in world.of("Pod"):
        if _image_auto(pod.spec):
            yield Finding("IST0147", pod, "spec.containers", (f"Pod {pod.name}",))
    for kind in ("Deployment", "DaemonSet"):
        for owner in world.of(kind):
            template = mapping(owner.spec.get("template"))
            labels = mapping(mapping(template.get("metadata")).get("labels"))
            if not _image_auto(mapping(template.get("spec"))):
                continue
            own = text(labels.get(INJECT))
            if own == "false" or (own != "true" and not world.namespace_injected(owner.namespace)):
                yield Finding("IST0146", owner, "spec.template.spec.containers", (f"{kind} {owner.name}",))


def _excused(pod: Resource) -> bool:
    asked = pod.labels.get(INJECT, pod.annotations.get(INJECT))
    return (
        bool(pod.spec.get("hostNetwork"))
        or (asked is not None and str(asked).lower() == "false")
        or any(one.get("name") == PROXY for _, one in containers(pod.spec))
    )


def _image_auto(spec: Mapping[str, Any]) -> bool:
    return any(one.get("image") == "auto" for _, one in containers(spec))


def _injectors(world: World) -> list[Resource]:
    return [one for one in world.of("ConfigMap") if one.name.startswith(INJECTOR)]


def _values(injector: Resource) -> Mapping[str, Any]:
    try:
        return mapping(json.loads(text(mapping(injector.object.get("data")).get("values")) or "{}"))
    except ValueError:
        return {}


def _enabled_by_default(world: World) -> bool:
    return any(
        mapping(_values(one).get("sidecarInjectorWebhook")).get("enableNamespacesByDefault") is True
        for one in _injectors(world)
    )


def _revision(injector: Resource) -> str:
    return injector.labels.get(REVISION) or injector.name.removeprefix(INJECTOR).lstrip("-") or "default"


def _image(injector: Resource) -> str:
    shared = mapping(_values(injector).get("global"))
    image = text(mapping(shared.get("proxy")).get("image"))
    if not image or "/" in image:
        return image
    return f"{shared.get('hub')}/{image}:{shared.get('tag')}"
