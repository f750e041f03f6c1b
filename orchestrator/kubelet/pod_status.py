"""A pod's status from its containers: phase and conditions as a kubelet computes them. Pure."""

from __future__ import annotations

from typing import Any

from mesh.kube.objects import Object, uid_of
from orchestrator.controllers.pods import condition
from orchestrator.kubelet.containers import Container, Role

PATCHED = ("phase", "conditions", "containerStatuses", "initContainerStatuses", "podIP", "podIPs", "hostIP", "hostIPs",
           "startTime", "qosClass", "reason", "message")  # fmt: skip


def phase(containers: list[Container], policy: str) -> str:
    """Pending until all app containers started once, then by what runs and what ended how."""
    apps = [container for container in containers if container.role is Role.APP]
    inits = [container for container in containers if container.role is Role.INIT]
    if any(init.finished and not init.succeeded for init in inits) and policy == "Never":
        return "Failed"
    if any(not init.succeeded for init in inits):
        return "Pending"
    if any(app.run is None for app in apps):
        return "Pending"
    if all(app.finished for app in apps) and policy != "Always":
        return "Succeeded" if all(app.succeeded for app in apps) else "Failed"
    return "Running"


def pod_status(
    pod: Object, containers: list[Container], *, now: str, ip: str, host_ip: str, sandbox_ready: bool, ending: bool
) -> dict[str, Any]:
    """The parts of the status that a kubelet owns; `now` is RFC 3339."""
    before = pod.get("status") or {}
    policy = pod["spec"].get("restartPolicy", "Always")
    found = phase(containers, policy)
    over = found in {"Succeeded", "Failed"}
    apps = [container for container in containers if container.role is Role.APP]
    serving = [container for container in containers if container.role is not Role.INIT]
    initialized = found != "Pending" or all(
        container.succeeded if container.role is Role.INIT else container.started
        for container in containers
        if container.role is not Role.APP
    )
    all_ready = not over and bool(apps) and all(container.ready for container in serving)
    unready = [container.name for container in serving if not container.ready]
    why = "PodCompleted" if found == "Succeeded" else "PodFailed" if found == "Failed" else "ContainersNotReady"
    message = "" if over else f"containers with unready status: [{' '.join(unready)}]"
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or []]
    gated = all(condition(pod, gate).get("status") == "True" for gate in gates)
    values = (
        ("PodReadyToStartContainers", sandbox_ready, "", ""),
        ("Initialized", initialized, "ContainersNotInitialized", ""),
        ("Ready", all_ready and gated and not ending, why, message),
        ("ContainersReady", all_ready, why, message),
        ("PodScheduled", True, "", ""),
    )
    ours = [_condition(pod, *value, now) for value in values]
    others = [c for c in before.get("conditions") or [] if c["type"] not in {value[0] for value in values}]
    uid = uid_of(pod)
    status: dict[str, Any] = {
        "phase": found,
        "conditions": ours + others,
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "startTime": before.get("startTime") or now,
        "qosClass": before.get("qosClass") or qos(pod["spec"]),
        "containerStatuses": [container.status(uid) for container in apps],
    }
    inits = [container.status(uid) for container in containers if container.role is not Role.APP]
    if inits:
        status["initContainerStatuses"] = inits
    if ip:
        status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    return status


def _condition(pod: Object, kind: str, holds: bool, reason: str, message: str, now: str) -> dict[str, Any]:
    before = condition(pod, kind)
    text = "True" if holds else "False"
    made: dict[str, Any] = {"type": kind, "status": text}
    made["lastTransitionTime"] = before.get("lastTransitionTime", now) if before.get("status") == text else now
    if not holds and reason:
        made["reason"] = reason
        if message:
            made["message"] = message
    return made


def qos(spec: dict[str, Any]) -> str:
    """Guaranteed, Burstable or BestEffort, by requests and limits of CPU and memory."""
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    resources = [container.get("resources") or {} for container in containers]
    if not any(r.get("requests") or r.get("limits") for r in resources):
        return "BestEffort"
    for found in resources:
        limits, requests = found.get("limits") or {}, found.get("requests") or {}
        if any(not limits.get(name) or requests.get(name, limits[name]) != limits[name] for name in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"
