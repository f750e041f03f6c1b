"""The pod's row: READY, STATUS and RESTARTS follow from the container statuses in a fixed order of precedence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mesh.kube.objects import Object
from orchestrator.api.tables.column import AGE, NAME, NONE, Column, age, duration, parse_time, wide

COLUMNS = (
    NAME, Column("Ready"), Column("Status"), Column("Restarts"), AGE,
    wide("IP"), wide("Node"), wide("Nominated Node"), wide("Readiness Gates"),
)  # fmt: skip


@dataclass(slots=True)
class _Summary:
    reason: str
    ready: int = 0
    restarts: int = 0
    last_restart: float = 0.0

    def restarted(self, status: dict[str, Any]) -> None:
        self.restarts += status.get("restartCount", 0)
        terminated = (status.get("lastState") or {}).get("terminated") or {}
        self.last_restart = max(self.last_restart, parse_time(terminated.get("finishedAt")) or 0.0)


def cells(pod: Object, now: float) -> list[Any]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    sidecars = {c.get("name") for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"}
    total = len(spec.get("containers") or []) + len(sidecars)
    summary = _summary(pod, spec, status, sidecars)
    restarts = str(summary.restarts)
    if summary.restarts and summary.last_restart:
        restarts += f" ({duration(now - summary.last_restart)} ago)"
    addresses = status.get("podIPs") or []
    address = addresses[0].get("ip") if addresses else status.get("podIP")
    return [
        pod["metadata"]["name"],
        f"{summary.ready}/{total}",
        summary.reason,
        restarts,
        age(pod, now),
        address or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _gates(spec, status),
    ]


def _summary(pod: Object, spec: dict[str, Any], status: dict[str, Any], sidecars: set[Any]) -> _Summary:
    summary = _Summary(status.get("reason") or status.get("phase") or "Unknown")
    conditions = {c.get("type"): c for c in status.get("conditions") or []}
    if (conditions.get("PodScheduled") or {}).get("reason") == "SchedulingGated":
        summary.reason = "SchedulingGated"
    initializing = _init(spec, status, sidecars, summary)
    if not initializing or (conditions.get("Initialized") or {}).get("status") == "True":
        # Once initialised, restarts of finished init containers no longer count; sidecars' do.
        summary.restarts, summary.last_restart = 0, 0.0
        for container in status.get("initContainerStatuses") or []:
            if container.get("name") in sidecars:
                summary.restarted(container)
        ready = (conditions.get("Ready") or {}).get("status") == "True"
        _containers(status, summary, pod_ready=ready)
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            summary.reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            summary.reason = "Terminating"
    return summary


def _init(spec: dict[str, Any], status: dict[str, Any], sidecars: set[Any], summary: _Summary) -> bool:
    """True while init containers decide what STATUS says."""
    total = len(spec.get("initContainers") or [])
    for index, container in enumerate(status.get("initContainerStatuses") or []):
        summary.restarted(container)
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated and terminated.get("exitCode", 0) == 0:
            continue
        if container.get("name") in sidecars and container.get("started"):
            summary.ready += bool(container.get("ready"))
            continue
        if terminated:
            summary.reason = f"Init:{_terminated(terminated)}"
        elif waiting.get("reason") and waiting["reason"] != "PodInitializing":
            summary.reason = f"Init:{waiting['reason']}"
        else:
            summary.reason = f"Init:{index}/{total}"
        return True
    return False


def _containers(status: dict[str, Any], summary: _Summary, *, pod_ready: bool) -> None:
    running = False
    # From the last to the first, so the first container's word stands.
    for container in reversed(status.get("containerStatuses") or []):
        summary.restarted(container)
        state = container.get("state") or {}
        if reason := (state.get("waiting") or {}).get("reason"):
            summary.reason = reason
        elif state.get("terminated"):
            summary.reason = _terminated(state["terminated"])
        elif container.get("ready") and "running" in state:
            running = True
            summary.ready += 1
    if summary.reason == "Completed" and running:
        summary.reason = "Running" if pod_ready else "NotReady"


def _terminated(state: dict[str, Any]) -> str:
    if reason := state.get("reason"):
        return str(reason)
    return f"Signal:{state['signal']}" if state.get("signal") else f"ExitCode:{state.get('exitCode', 0)}"


def _gates(spec: dict[str, Any], status: dict[str, Any]) -> str:
    gates = spec.get("readinessGates") or []
    if not gates:
        return NONE
    true = {c.get("type") for c in status.get("conditions") or [] if c.get("status") == "True"}
    return f"{sum(gate.get('conditionType') in true for gate in gates)}/{len(gates)}"
