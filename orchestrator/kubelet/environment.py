"""A container's environment and command line, from its manifest: pure.

Order and precedence are Kubernetes': service variables, envFrom in order, env in order (each may use earlier ones as
`$(NAME)`, `$$` is a dollar). Keys that are no names are skipped, as in a kubelet.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mesh.kube.objects import Object, name_of, namespace_of
from orchestrator.kubelet.references import ReferenceFailure, field, resource

_REFERENCE = re.compile(r"\$\$|\$\(([^)]+)\)")
_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")

Lookup = Callable[[str, str], Object | None]
"""(kind, name) -> the ConfigMap or Secret of the pod's namespace, None when there is none."""


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` to its value; an unknown one stays as it is, `$$` is one dollar."""

    def replace(found: re.Match[str]) -> str:
        if found.group() == "$$":
            return "$"
        return variables.get(found.group(1), found.group())

    return _REFERENCE.sub(replace, text)


def service_variables(services: Iterable[Object], namespace: str, *, links: bool) -> dict[str, str]:
    """`NAME_SERVICE_HOST` and friends; the API server's always, others of the namespace when links are on."""
    made: dict[str, str] = {}
    for service in sorted(services, key=lambda found: (namespace_of(found), name_of(found))):
        api = (namespace_of(service), name_of(service)) == ("default", "kubernetes")
        address = (service.get("spec") or {}).get("clusterIP")
        ports = (service.get("spec") or {}).get("ports") or []
        if not address or address == "None" or not ports or not (api or (links and namespace_of(service) == namespace)):
            continue
        prefix = name_of(service).upper().replace("-", "_")
        made[f"{prefix}_SERVICE_HOST"] = address
        made[f"{prefix}_SERVICE_PORT"] = str(ports[0]["port"])
        for port in ports:
            if port.get("name"):
                made[f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(port["port"])
            protocol, number = port.get("protocol", "TCP"), port["port"]
            url = f"{protocol.lower()}://{address}:{number}"
            made.setdefault(f"{prefix}_PORT", url)
            base = f"{prefix}_PORT_{number}_{protocol}"
            made |= {base: url, f"{base}_PROTO": protocol.lower(), f"{base}_PORT": str(number), f"{base}_ADDR": address}
    return made


def environment(
    pod: Object, container: dict[str, Any], lookup: Lookup, *, base: Mapping[str, str], node_ip: str
) -> dict[str, str]:
    """The whole environment; raises `ReferenceFailure` when something required is missing."""
    made = dict(base)
    for source in container.get("envFrom") or []:
        prefix = source.get("prefix", "")
        made |= {prefix + key: value for key, value in _all_of(source, lookup).items() if _NAME.fullmatch(prefix + key)}
    for variable in container.get("env") or []:
        value = _value(pod, container, variable, made, lookup, node_ip)
        if value is not None:
            made[variable["name"]] = value
    return made


def _value(
    pod: Object,
    container: dict[str, Any],
    variable: dict[str, Any],
    made: Mapping[str, str],
    lookup: Lookup,
    node_ip: str,
) -> str | None:
    source = variable.get("valueFrom")
    if not source:
        return expand(variable.get("value") or "", made)
    if reference := source.get("fieldRef"):
        return field(pod, reference["fieldPath"], node_ip)
    if reference := source.get("resourceFieldRef"):
        return resource(pod, container, reference)
    for word, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if reference := source.get(word):
            return _key(kind, reference, lookup)
    raise ReferenceFailure(f"env {variable['name']}: this valueFrom is not supported: {', '.join(source)}")


def _key(kind: str, reference: dict[str, Any], lookup: Lookup) -> str | None:
    obj = lookup(kind, reference.get("name", ""))
    content = text_content(obj) if obj is not None else {}
    if reference["key"] in content:
        return content[reference["key"]]
    if reference.get("optional"):
        return None
    if obj is None:
        raise ReferenceFailure(f'{kind.lower()} "{reference.get("name", "")}" not found')
    raise ReferenceFailure(f"couldn't find key {reference['key']} in {kind} {namespace_of(obj)}/{name_of(obj)}")


def _all_of(source: dict[str, Any], lookup: Lookup) -> dict[str, str]:
    for word, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
        if reference := source.get(word):
            obj = lookup(kind, reference.get("name", ""))
            if obj is None and not reference.get("optional"):
                raise ReferenceFailure(f'{kind.lower()} "{reference.get("name", "")}" not found')
            return text_content(obj) if obj is not None else {}
    return {}


def text_content(obj: Object) -> dict[str, str]:
    """A ConfigMap's or Secret's entries as text."""
    return {key: value.decode(errors="surrogateescape") for key, value in content(obj).items()}


def content(obj: Object) -> dict[str, bytes]:
    """A ConfigMap's or Secret's entries as bytes."""
    data = obj.get("data") or {}
    if obj.get("kind") == "Secret":
        return {key: base64.b64decode(value) for key, value in data.items()}
    binary = {key: base64.b64decode(value) for key, value in (obj.get("binaryData") or {}).items()}
    return {**{key: value.encode(errors="surrogateescape") for key, value in data.items()}, **binary}


def command_line(container: dict[str, Any], entrypoint: Iterable[str], variables: Mapping[str, str]) -> list[str]:
    """`command` replaces the image's entrypoint, `args` follow either."""
    words = [*(container.get("command") or entrypoint), *(container.get("args") or [])]
    return [expand(word, variables) for word in words]
