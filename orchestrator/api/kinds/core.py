"""ConfigMap, Secret, ServiceAccount, Namespace, Node, Event and the webhook configurations."""

from __future__ import annotations

import base64
import re
from typing import Any

from mesh.kube.objects import Object
from orchestrator.api.errors import Cause, forbidden_field, invalid, not_supported, required, too_long

DATA_BYTES_MAX = 1024 * 1024
WEBHOOK_TIMEOUT_S = 10
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


def validate_config_map(obj: Object) -> list[Cause]:
    causes = _data_keys(obj, "data") + _data_keys(obj, "binaryData")
    causes += [invalid("binaryData", key, "duplicate of key present in data") for key in _both(obj)]
    return causes + _data_size(obj)


def _both(obj: Object) -> set[str]:
    return set(obj.get("data") or {}) & set(obj.get("binaryData") or {})


def _data_keys(obj: Object, field: str) -> list[Cause]:
    text = (
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
        "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
    )
    found = obj.get(field) or {}
    return [
        invalid(f"{field}[{key}]", key, text)
        for key in found
        if not _DATA_KEY.fullmatch(key) or key in (".", "..") or len(key) > 253
    ]


def _data_size(obj: Object) -> list[Cause]:
    values = [*(obj.get("data") or {}).values(), *(obj.get("binaryData") or {}).values()]
    return [too_long("data", DATA_BYTES_MAX)] if sum(map(len, values)) > DATA_BYTES_MAX * 4 // 3 else []


def immutable_data(new: Object, old: Object) -> list[Cause]:
    if not old.get("immutable"):
        return []
    causes: list[Cause] = []
    if not new.get("immutable"):
        causes.append(forbidden_field("immutable", "field is immutable when `immutable` is set"))
    causes += [
        forbidden_field(name, "field is immutable when `immutable` is set")
        for name in ("data", "binaryData")
        if new.get(name) != old.get(name)
    ]
    return causes


def default_secret(obj: Object) -> None:
    obj.setdefault("type", "Opaque")
    # stringData is write-only: it ends up in data and is never read back.
    for key, text in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(str(text).encode()).decode()


def validate_secret(obj: Object) -> list[Cause]:
    data = obj.get("data") or {}
    causes = _data_keys(obj, "data") + _data_size(obj)
    causes += [required(f"data[{key}]") for key in _SECRET_KEYS.get(obj["type"], ()) if key not in data]
    return causes


def secret_update(new: Object, old: Object) -> list[Cause]:
    causes = immutable_data(new, old)
    if new.get("type") != old.get("type"):
        causes.append(invalid("type", new.get("type"), "field is immutable"))
    return causes


def default_namespace(obj: Object) -> None:
    meta = obj["metadata"]
    if name := meta.get("name"):
        meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = name


def prepare_namespace(new: Object, old: Object | None) -> None:
    if old is None:
        new["spec"] = {"finalizers": ["kubernetes"]}
        new["status"] = {"phase": "Active"}
    elif "spec" not in new:
        new["spec"] = old.get("spec") or {}


def default_node(obj: Object) -> None:
    status = obj.get("status") or {}
    if status.get("capacity") and not status.get("allocatable"):
        status["allocatable"] = dict(status["capacity"])


def default_event(obj: Object) -> None:
    obj.setdefault("type", "Normal")


def validate_event(obj: Object) -> list[Cause]:
    about = (obj.get("involvedObject") or {}).get("namespace") or ""
    own = obj["metadata"].get("namespace") or ""
    # Events about cluster-scoped objects live in `default`.
    if about != own and not (not about and own == "default"):
        return [invalid("involvedObject.namespace", about, "does not match event.namespace")]
    return []


def default_webhooks(obj: Object) -> None:
    mutating = obj.get("kind") == "MutatingWebhookConfiguration"
    for webhook in obj.get("webhooks") or []:
        webhook.setdefault("failurePolicy", "Fail")
        webhook.setdefault("matchPolicy", "Equivalent")
        webhook.setdefault("namespaceSelector", {})
        webhook.setdefault("objectSelector", {})
        webhook.setdefault("timeoutSeconds", WEBHOOK_TIMEOUT_S)
        if mutating:
            webhook.setdefault("reinvocationPolicy", "Never")
        service = (webhook.get("clientConfig") or {}).get("service")
        if isinstance(service, dict):
            service.setdefault("port", 443)
        for rule in webhook.get("rules") or []:
            rule.setdefault("scope", "*")


def validate_webhooks(obj: Object) -> list[Cause]:
    causes: list[Cause] = []
    for index, webhook in enumerate(obj.get("webhooks") or []):
        path = f"webhooks[{index}]"
        causes += _webhook(webhook, path)
    return causes


def _webhook(webhook: dict[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    name = webhook.get("name") or ""
    if name.count(".") < 2:
        causes.append(
            invalid(f"{path}.name", name, "should be a domain with at least three segments separated by dots")
        )
    config = webhook.get("clientConfig") or {}
    if bool(config.get("url")) == bool(config.get("service")):
        causes.append(required(f"{path}.clientConfig", "exactly one of url or service is required"))
    if webhook.get("sideEffects") not in ("None", "NoneOnDryRun"):
        causes.append(not_supported(f"{path}.sideEffects", webhook.get("sideEffects"), ("None", "NoneOnDryRun")))
    if "v1" not in (webhook.get("admissionReviewVersions") or []):
        versions = webhook.get("admissionReviewVersions")
        causes.append(invalid(f"{path}.admissionReviewVersions", versions, "must include v1"))
    if webhook.get("failurePolicy") not in ("Fail", "Ignore"):
        causes.append(not_supported(f"{path}.failurePolicy", webhook.get("failurePolicy"), ("Fail", "Ignore")))
    timeout_s = webhook.get("timeoutSeconds", WEBHOOK_TIMEOUT_S)
    if not 1 <= timeout_s <= 30:
        text = "the timeout value must be between 1 and 30 seconds"
        causes.append(invalid(f"{path}.timeoutSeconds", timeout_s, text))
    return causes
