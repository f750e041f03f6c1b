"""What the kubelet knows of each container of a pod, and what it says of it in the pod's status."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from orchestrator.runtimes.base import ContainerState

LOCAL_MANIFEST = "pocketmesh://"


class Role(Enum):
    INIT = "init"  # runs to its end before the next one starts
    SIDECAR = "sidecar"  # an init container with restartPolicy Always: started, then the next one starts
    APP = "app"


def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Container:
    """One container of a pod; `attempt` counts its restarts. Times in seconds since the epoch."""

    spec: dict[str, Any]
    role: Role
    attempt: int = 0
    waiting: tuple[str, str] | None = ("ContainerCreating", "")
    run: ContainerState | None = None  # the attempt that runs, or ended last
    previous: ContainerState | None = None  # the attempt before it
    started: bool = False  # running, and its startup probe (if any) succeeded
    ready: bool = False
    readiness: bool = field(default=False)  # what its readiness probe said last

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def running(self) -> bool:
        return self.run is not None and self.run.running

    @property
    def finished(self) -> bool:
        """Ended, and not waiting to be started again."""
        return self.run is not None and not self.run.running and self.waiting is None

    @property
    def succeeded(self) -> bool:
        return self.finished and self.run is not None and self.run.exit_code == 0

    @property
    def log_path(self) -> str:
        return f"{self.name}/{self.attempt}.log"

    def adopt(self, state: ContainerState, status: dict[str, Any]) -> None:
        """Go on where an earlier kubelet left it: `status` is the containerStatus that it wrote last.

        A container that was ready stays so until its probe says otherwise, or its endpoint would flicker.
        """
        self.run, self.attempt, self.waiting = state, state.attempt, None
        if state.running and status.get("restartCount") == state.attempt:
            self.started = bool(status.get("started"))
            self.ready = self.readiness = bool(status.get("ready"))

    def status(self, uid: str) -> dict[str, Any]:
        """The containerStatus of the API."""
        made: dict[str, Any] = {
            "name": self.name,
            "image": self.spec.get("image", ""),
            "imageID": "",
            "ready": self.ready,
            "restartCount": self.attempt,
            "started": self.started,
            "state": self._state(uid),
            "lastState": _terminated(self._last(), uid) if self._last() is not None else {},
        }
        if self.run is not None:
            made["containerID"] = _container_id(self.run, uid)
        return made

    def _last(self) -> ContainerState | None:
        """The run before the one that `state` describes."""
        if self.waiting is not None and self.run is not None and not self.run.running:
            return self.run
        return self.previous

    def _state(self, uid: str) -> dict[str, Any]:
        if self.running and self.run is not None:
            return {"running": {"startedAt": timestamp(self.run.started_at)}}
        if self.waiting is not None:
            reason, message = self.waiting
            return {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        return _terminated(self.run, uid)


def _container_id(run: ContainerState, uid: str) -> str:
    return f"{LOCAL_MANIFEST}{uid}/{run.name}/{run.attempt}"


def _terminated(run: ContainerState | None, uid: str) -> dict[str, Any]:
    if run is None:
        return {}
    reason = "Completed" if run.exit_code == 0 else "OOMKilled" if run.oom_killed else "Error"
    made: dict[str, Any] = {"exitCode": run.exit_code, "reason": reason}
    if run.signal:
        made["signal"] = run.signal
    return {
        "terminated": {
            **made,
            "startedAt": timestamp(run.started_at),
            "finishedAt": timestamp(run.finished_at),
            "containerID": _container_id(run, uid),
        }
    }


def containers_of(spec: dict[str, Any]) -> list[Container]:
    """All containers of a pod's spec in the order in which they start."""
    made = [
        Container(found, Role.SIDECAR if found.get("restartPolicy") == "Always" else Role.INIT)
        for found in spec.get("initContainers") or []
    ]
    if made:
        for container in made:
            container.waiting = ("PodInitializing", "")
        made[0].waiting = ("ContainerCreating", "")
    apps = [Container(found, Role.APP) for found in spec.get("containers") or []]
    for container in apps:
        container.waiting = ("PodInitializing", "") if made else ("ContainerCreating", "")
    return made + apps


def restart_wanted(container: Container, policy: str) -> bool:
    """Whether a container that ended is to run again, by its role and the pod's restartPolicy."""
    code = container.run.exit_code if container.run is not None else 0
    if container.role is Role.SIDECAR:
        return True
    if container.role is Role.INIT:
        return code != 0 and policy != "Never"
    return policy == "Always" or (policy == "OnFailure" and code != 0)
