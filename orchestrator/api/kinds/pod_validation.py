"""Validation of Pods and pod templates: what Kubernetes answers 422 to, with its field paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mesh.kube.objects import Object
from mesh.kube.quantity import QuantityError, parse_quantity
from orchestrator.api.errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid,
    missing,
    not_supported,
    required,
)
from orchestrator.api.names import label, subdomain

PORT_RANGE = "must be between 1 and 65535, inclusive"
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_MUTABLE_POD_FIELDS = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates")
_POD_UPDATE_TEXT = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def validate_pod(pod: Object) -> list[Cause]:
    return list(pod_spec(pod.get("spec") or {}, "spec"))


def validate_pod_update(new: Object, old: Object) -> list[Cause]:
    """Of a pod's spec only images and a few others may change."""
    if _frozen(new.get("spec") or {}) == _frozen(old.get("spec") or {}):
        return []
    return [forbidden_field("spec", _POD_UPDATE_TEXT)]


def _frozen(spec: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in spec.items() if name not in _MUTABLE_POD_FIELDS}
    for name in ("containers", "initContainers"):
        kept[name] = [{k: v for k, v in container.items() if k != "image"} for container in spec.get(name) or []]
    kept.pop("ephemeralContainers", None)
    return kept


def pod_spec(spec: dict[str, Any], path: str) -> Iterable[Cause]:
    volumes: set[str] = set()
    yield from _volumes(spec.get("volumes") or [], f"{path}.volumes", volumes)
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    names: set[str] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or []):
            yield from _container(container, f"{path}.{field}[{index}]", names, volumes, init=field == "initContainers")
    if spec.get("restartPolicy") not in ("Always", "OnFailure", "Never"):
        yield not_supported(f"{path}.restartPolicy", spec.get("restartPolicy"), ("Always", "OnFailure", "Never"))
    policies = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
    if spec.get("dnsPolicy") not in policies:
        yield not_supported(f"{path}.dnsPolicy", spec.get("dnsPolicy"), policies)
    if (grace_s := spec.get("terminationGracePeriodSeconds")) is not None and grace_s < 0:
        yield invalid(f"{path}.terminationGracePeriodSeconds", grace_s, "must be greater than or equal to 0")
    if (name := spec.get("serviceAccountName")) and (wrong := subdomain(name)):
        yield invalid(f"{path}.serviceAccountName", name, wrong)
    if (name := spec.get("hostname")) and (wrong := label(name)):
        yield invalid(f"{path}.hostname", name, wrong)


def _volumes(volumes: list[dict[str, Any]], path: str, names: set[str]) -> Iterable[Cause]:
    for index, volume in enumerate(volumes):
        where = f"{path}[{index}]"
        name = volume.get("name") or ""
        if not name:
            yield required(f"{where}.name")
        elif wrong := label(name):
            yield invalid(f"{where}.name", name, wrong)
        elif name in names:
            yield duplicate(f"{where}.name", name)
        names.add(name)
        sources = [source for source in volume if source != "name"]
        if not sources:
            yield required(where, "must specify a volume type")
        for extra in sources[1:]:
            yield forbidden_field(f"{where}.{extra}", "may not specify more than 1 volume type")
        if (host := volume.get("hostPath")) is not None and not host.get("path"):
            yield required(f"{where}.hostPath.path")
        if (source := volume.get("secret")) is not None and not source.get("secretName"):
            yield required(f"{where}.secret.secretName")
        if (source := volume.get("configMap")) is not None and not source.get("name"):
            yield required(f"{where}.configMap.name")


def _container(
    container: dict[str, Any], path: str, names: set[str], volumes: set[str], *, init: bool
) -> Iterable[Cause]:
    name = container.get("name") or ""
    if not name:
        yield required(f"{path}.name")
    elif wrong := label(name):
        yield invalid(f"{path}.name", name, wrong)
    elif name in names:
        yield duplicate(f"{path}.name", name)
    names.add(name)
    if not container.get("image"):
        yield required(f"{path}.image")
    elif container["image"].strip() != container["image"]:
        yield invalid(f"{path}.image", container["image"], "must not have leading or trailing whitespace")
    policies = ("Always", "IfNotPresent", "Never")
    if (policy := container.get("imagePullPolicy")) and policy not in policies:
        yield not_supported(f"{path}.imagePullPolicy", policy, policies)
    yield from _ports(container.get("ports") or [], f"{path}.ports")
    yield from _env(container.get("env") or [], f"{path}.env")
    yield from _mounts(container.get("volumeMounts") or [], f"{path}.volumeMounts", volumes)
    yield from _resources(container.get("resources") or {}, f"{path}.resources")
    for probe in _PROBES:
        if probe in container:
            if init and container.get("restartPolicy") != "Always":
                yield forbidden_field(
                    f"{path}.{probe}", "may not be set for init containers without restartPolicy=Always"
                )
            yield from _probe(container[probe], f"{path}.{probe}")
    for hook in ("postStart", "preStop"):
        if (handler := (container.get("lifecycle") or {}).get(hook)) is not None:
            yield from _handler(handler, f"{path}.lifecycle.{hook}", ("exec", "httpGet", "tcpSocket", "sleep"))
    if (policy := container.get("restartPolicy")) and (not init or policy != "Always"):
        yield not_supported(f"{path}.restartPolicy", policy, ("Always",))


def _ports(ports: list[dict[str, Any]], path: str) -> Iterable[Cause]:
    names: set[str] = set()
    for index, port in enumerate(ports):
        where = f"{path}[{index}]"
        if name := port.get("name"):
            if len(name) > 15 or label(name):
                yield invalid(f"{where}.name", name, "must be a valid IANA service name of no more than 15 characters")
            elif name in names:
                yield duplicate(f"{where}.name", name)
            names.add(name)
        number = port.get("containerPort")
        if not number:
            yield required(f"{where}.containerPort")
        elif not 1 <= number <= 65535:
            yield invalid(f"{where}.containerPort", number, PORT_RANGE)
        if (host := port.get("hostPort")) and not 1 <= host <= 65535:
            yield invalid(f"{where}.hostPort", host, PORT_RANGE)
        if port.get("protocol") not in ("TCP", "UDP", "SCTP"):
            yield not_supported(f"{where}.protocol", port.get("protocol"), ("SCTP", "TCP", "UDP"))


def _env(variables: list[dict[str, Any]], path: str) -> Iterable[Cause]:
    for index, variable in enumerate(variables):
        where = f"{path}[{index}]"
        if not variable.get("name"):
            yield required(f"{where}.name")
        elif "=" in variable["name"]:
            yield invalid(f"{where}.name", variable["name"], "must not contain '='")
        source = variable.get("valueFrom")
        if source is None:
            continue
        if variable.get("value"):
            yield invalid(f"{where}.valueFrom", "", "may not be specified when `value` is not empty")
        if len(source) != 1:
            yield invalid(f"{where}.valueFrom", "", "must specify exactly one source")
        for kind in ("configMapKeyRef", "secretKeyRef"):
            if (reference := source.get(kind)) is not None:
                for field in ("name", "key"):
                    if not reference.get(field):
                        yield required(f"{where}.valueFrom.{kind}.{field}")


def _mounts(mounts: list[dict[str, Any]], path: str, volumes: set[str]) -> Iterable[Cause]:
    paths: set[str] = set()
    for index, mount in enumerate(mounts):
        where = f"{path}[{index}]"
        if not mount.get("name"):
            yield required(f"{where}.name")
        elif mount["name"] not in volumes:
            yield missing(f"{where}.name", mount["name"])
        target = mount.get("mountPath")
        if not target:
            yield required(f"{where}.mountPath")
        elif target in paths:
            yield invalid(f"{where}.mountPath", target, "must be unique")
        paths.add(target or "")
        if ".." in (mount.get("subPath") or "").split("/"):
            yield invalid(f"{where}.subPath", mount["subPath"], "must not contain '..'")


def _resources(resources: dict[str, Any], path: str) -> Iterable[Cause]:
    limits = resources.get("limits") or {}
    for field in ("limits", "requests"):
        for name, text in (resources.get(field) or {}).items():
            try:
                value = parse_quantity(text)
            except QuantityError as problem:
                yield invalid(f"{path}.{field}[{name}]", text, str(problem))
                continue
            if value < 0:
                yield invalid(f"{path}.{field}[{name}]", text, "must be greater than or equal to 0")
            elif field == "requests" and name in limits and value > parse_quantity(limits[name]):
                yield invalid(f"{path}.requests", text, f"must be less than or equal to {name} limit of {limits[name]}")


def _probe(probe: dict[str, Any], path: str) -> Iterable[Cause]:
    yield from _handler(probe, path, ("exec", "httpGet", "tcpSocket", "grpc"))
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        if (value := probe.get(name, 1)) < 0:
            yield invalid(f"{path}.{name}", value, "must be greater than or equal to 0")
    if not path.endswith("readinessProbe") and probe.get("successThreshold", 1) != 1:
        yield invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")


def _handler(handler: dict[str, Any], path: str, kinds: tuple[str, ...]) -> Iterable[Cause]:
    given = [kind for kind in kinds if kind in handler]
    if not given:
        yield required(path, "must specify a handler type")
    for extra in given[1:]:
        yield forbidden_field(f"{path}.{extra}", "may not specify more than 1 handler type")
    for kind in ("httpGet", "tcpSocket", "grpc"):
        if kind in given:
            port = (handler[kind] or {}).get("port")
            if port in (None, "", 0):
                yield required(f"{path}.{kind}.port")
            elif isinstance(port, int) and not 1 <= port <= 65535:
                yield invalid(f"{path}.{kind}.port", port, PORT_RANGE)
    if "exec" in given and not (handler["exec"] or {}).get("command"):
        yield required(f"{path}.exec.command")
