"""`pods/eviction`: a deletion that a disruption budget may refuse. No budgets are served here yet, so none does."""

from __future__ import annotations

from mesh.kube.objects import Object
from mesh.kube.schema.check import check
from mesh.kube.schema.fields import message
from orchestrator.api.call import Call, DeleteOptions
from orchestrator.api.deletion import Deletion
from orchestrator.api.errors import bad_request

KINDS = frozenset(("policy/v1",))


async def evict(call: Call, eviction: Object, deletion: Deletion) -> Object:
    schema = message("policy.v1.Eviction")
    assert schema is not None
    if eviction.get("apiVersion", "policy/v1") not in KINDS or eviction.get("kind", "Eviction") != "Eviction":
        raise bad_request("the body of an eviction is a policy/v1 Eviction")
    if wrong := check(eviction, schema).wrong:
        raise bad_request(f'Eviction in version "v1" cannot be handled as a Eviction: {wrong[0].reason}')
    name = (eviction.get("metadata") or {}).get("name") or call.name
    if name != call.name:
        raise bad_request("name in URL does not match name in Eviction object")
    options = eviction.get("deleteOptions") or {}
    preconditions = options.get("preconditions") or {}
    grace_s = options.get("gracePeriodSeconds")
    if grace_s is not None and grace_s < 0:
        raise bad_request("gracePeriodSeconds must be a non-negative integer")
    pod = Call(call.user, call.kind, call.namespace, call.name)
    pod.dry_run = call.dry_run or bool(options.get("dryRun"))
    await deletion.delete(
        pod,
        DeleteOptions(grace_s, "", preconditions.get("uid") or "", preconditions.get("resourceVersion") or ""),
    )
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
