"""The table of strategies: one row a kind. A kind without a row is stored as it is."""

from __future__ import annotations

from mesh.kube.kinds import Kind
from orchestrator.api.kinds import core, services, workloads
from orchestrator.api.kinds.pod_defaults import default_pod, prepare_pod
from orchestrator.api.kinds.pod_validation import validate_pod, validate_pod_update
from orchestrator.api.names import label, label_1035
from orchestrator.api.strategy import Strategy

_ISTIO = Strategy(status=True, generation=True)
_PLAIN = Strategy()
_POD_FIELDS = frozenset(
    (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.nominatedNodeName",
    )
)  # fmt: skip
_EVENT_FIELDS = frozenset(
    (
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
        "reportingComponent", "source", "type",
    )
)  # fmt: skip
_WEBHOOKS = Strategy(default=core.default_webhooks, validate=core.validate_webhooks, generation=True)

STRATEGIES: dict[tuple[str, str], Strategy] = {
    ("", "pods"): Strategy(
        default=default_pod, prepare=prepare_pod, validate=validate_pod, validate_update=validate_pod_update,
        status=True, fields=_POD_FIELDS, graceful=True, object_on_delete=True,
    ),
    ("", "services"): Strategy(
        default=services.default_service, prepare=services.prepare_service, validate=services.validate_service,
        validate_update=services.cluster_ip_is_immutable, name_rule=label_1035, status=True, object_on_delete=True,
    ),
    ("", "endpoints"): Strategy(default=services.default_endpoints, create_on_update=True),
    ("discovery.k8s.io", "endpointslices"): Strategy(
        default=services.default_endpoint_slice, validate=services.validate_endpoint_slice,
        validate_update=services.endpoint_slice_update, generation=True,
    ),
    ("", "configmaps"): Strategy(validate=core.validate_config_map, validate_update=core.immutable_data),
    ("", "secrets"): Strategy(
        default=core.default_secret, validate=core.validate_secret, validate_update=core.secret_update,
        fields=frozenset(("type",)),
    ),
    ("", "serviceaccounts"): Strategy(object_on_delete=True),
    ("", "namespaces"): Strategy(
        default=core.default_namespace, prepare=core.prepare_namespace, name_rule=label, status=True,
        fields=frozenset(("status.phase",)), object_on_delete=True,
    ),
    # The node writes spec and status in one object on registration, so creation keeps the status given.
    ("", "nodes"): Strategy(default=core.default_node, fields=frozenset(("spec.unschedulable",))),
    ("", "events"): Strategy(
        default=core.default_event, validate=core.validate_event, fields=_EVENT_FIELDS, create_on_update=True
    ),
    ("apps", "deployments"): Strategy(
        default=workloads.default_deployment, prepare=workloads.prepare_status,
        validate=workloads.validate_deployment, validate_update=workloads.selector_is_immutable,
        status=True, generation=True,
    ),
    ("apps", "replicasets"): Strategy(
        default=workloads.default_replica_set, prepare=workloads.prepare_status,
        validate=workloads.validate_replica_set, validate_update=workloads.selector_is_immutable,
        status=True, generation=True, fields=frozenset(("status.replicas",)),
    ),
    ("coordination.k8s.io", "leases"): Strategy(create_on_update=True),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): _WEBHOOKS,
}  # fmt: skip


def strategy_of(kind: Kind) -> Strategy:
    found = STRATEGIES.get((kind.group, kind.plural))
    if found is not None:
        return found
    return _ISTIO if kind.group.endswith(".istio.io") else _PLAIN
