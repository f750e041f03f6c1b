"""Deployments and ReplicaSets: defaults and validation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mesh.kube.objects import Object
from mesh.kube.selectors import from_api
from orchestrator.api.errors import Cause, forbidden_field, invalid, not_supported, required
from orchestrator.api.kinds.pod_defaults import default_pod_spec
from orchestrator.api.kinds.pod_validation import pod_spec
from orchestrator.api.names import check_labels

REVISION_HISTORY_LIMIT = 10
PROGRESS_DEADLINE_S = 600


def default_deployment(obj: Object) -> None:
    spec = obj["spec"] = obj.get("spec") or {}
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", REVISION_HISTORY_LIMIT)
    spec.setdefault("progressDeadlineSeconds", PROGRESS_DEADLINE_S)
    strategy = spec["strategy"] = spec.get("strategy") or {}
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy["rollingUpdate"] = strategy.get("rollingUpdate") or {}
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    _default_template(spec)


def default_replica_set(obj: Object) -> None:
    spec = obj["spec"] = obj.get("spec") or {}
    spec.setdefault("replicas", 1)
    _default_template(spec)


def _default_template(spec: dict[str, Any]) -> None:
    template = spec.get("template")
    if isinstance(template, dict):
        # Go writes the zero time of an embedded ObjectMeta; clients compare templates, so it is left out everywhere.
        template.setdefault("metadata", {})
        default_pod_spec(template.setdefault("spec", {}))


def prepare_status(new: Object, old: Object | None) -> None:
    if old is None:
        new["status"] = {}


def validate_deployment(obj: Object) -> list[Cause]:
    spec = obj["spec"]
    causes = list(_workload(spec))
    strategy = spec["strategy"]
    if strategy["type"] not in ("Recreate", "RollingUpdate"):
        causes.append(not_supported("spec.strategy.type", strategy["type"], ("Recreate", "RollingUpdate")))
    elif strategy["type"] == "Recreate" and "rollingUpdate" in strategy:
        why = "may not be specified when strategy `type` is 'Recreate'"
        causes.append(forbidden_field("spec.strategy.rollingUpdate", why))
    else:
        causes += _rolling_update(strategy.get("rollingUpdate") or {})
    for name in ("revisionHistoryLimit", "progressDeadlineSeconds"):
        if spec[name] < 0:
            causes.append(invalid(f"spec.{name}", spec[name], "must be greater than or equal to 0"))
    if spec["progressDeadlineSeconds"] <= spec.get("minReadySeconds", 0):
        deadline_s = spec["progressDeadlineSeconds"]
        causes.append(invalid("spec.progressDeadlineSeconds", deadline_s, "must be greater than minReadySeconds"))
    return causes


def _rolling_update(rolling: dict[str, Any]) -> Iterable[Cause]:
    path = "spec.strategy.rollingUpdate"
    for name in ("maxUnavailable", "maxSurge"):
        value = rolling.get(name, 0)
        if isinstance(value, str) and not (value.endswith("%") and value[:-1].isdigit()):
            text = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%', or '93%')"
            yield invalid(f"{path}.{name}", value, text)
        elif isinstance(value, int) and value < 0:
            yield invalid(f"{path}.{name}", value, "must be greater than or equal to 0")
    if all(rolling.get(name) in (0, "0%") for name in ("maxUnavailable", "maxSurge")):
        yield invalid(f"{path}.maxUnavailable", rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0")
    unavailable = rolling.get("maxUnavailable")
    if isinstance(unavailable, str) and unavailable[:-1].isdigit() and int(unavailable[:-1]) > 100:
        yield invalid(f"{path}.maxUnavailable", unavailable, "must not be greater than 100%")


def validate_replica_set(obj: Object) -> list[Cause]:
    return list(_workload(obj["spec"]))


def _workload(spec: dict[str, Any]) -> Iterable[Cause]:
    for name in ("replicas", "minReadySeconds"):
        if (value := spec.get(name, 0)) < 0:
            yield invalid(f"spec.{name}", value, "must be greater than or equal to 0")
    selector = spec.get("selector")
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector is None:
        yield required("spec.selector")
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield invalid("spec.selector", selector, "empty selector is invalid for deployment")
    else:
        yield from check_labels(selector.get("matchLabels"), "spec.selector.matchLabels")
        wrong = list(_expressions(selector.get("matchExpressions") or []))
        yield from wrong
        if not wrong and not from_api(selector).matches(labels):
            yield invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    yield from check_labels(labels, "spec.template.metadata.labels")
    pod = template.get("spec") or {}
    yield from pod_spec({"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", **pod}, "spec.template.spec")
    if pod.get("restartPolicy", "Always") != "Always":
        yield not_supported("spec.template.spec.restartPolicy", pod["restartPolicy"], ("Always",))


def _expressions(expressions: list[dict[str, Any]]) -> Iterable[Cause]:
    for index, expression in enumerate(expressions):
        path = f"spec.selector.matchExpressions[{index}]"
        operator = expression.get("operator")
        if not expression.get("key"):
            yield required(f"{path}.key")
        if operator in ("In", "NotIn"):
            if not expression.get("values"):
                yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist"):
            if expression.get("values"):
                yield forbidden_field(
                    f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                )
        else:
            yield invalid(f"{path}.operator", operator or "", "not a valid selector operator")


def selector_is_immutable(new: Object, old: Object) -> list[Cause]:
    if new["spec"].get("selector") == old["spec"].get("selector"):
        return []
    return [invalid("spec.selector", new["spec"].get("selector"), "field is immutable")]
