"""Phase, conditions and quality of service: tables of containers in, status out."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.kubelet.containers import Container, Role
from orchestrator.kubelet.pod_status import phase, pod_status, qos
from orchestrator.runtimes.base import ContainerState

NOW = "2024-01-01T00:00:00Z"


def waiting(role: Role = Role.APP) -> Container:
    return Container({"name": "c"}, role)


def running(role: Role = Role.APP, *, ready: bool = True) -> Container:
    state = ContainerState("c", 0, True, 1.0)
    return Container({"name": "c"}, role, waiting=None, run=state, started=True, ready=ready)


def ended(code: int = 0, role: Role = Role.APP) -> Container:
    return Container({"name": "c"}, role, waiting=None, run=ContainerState("c", 0, False, 1.0, 2.0, code))


def crashing(role: Role = Role.APP) -> Container:
    run = ContainerState("c", 0, False, 1.0, 2.0, 1)
    return Container({"name": "c"}, role, waiting=("CrashLoopBackOff", ""), run=run)


@pytest.mark.parametrize(
    ("containers", "policy", "result"),
    [
        ([waiting()], "Always", "Pending"),
        ([running()], "Always", "Running"),
        ([running(), waiting()], "Always", "Pending"),
        ([crashing()], "Always", "Running"),
        ([ended()], "Never", "Succeeded"),
        ([ended(), ended(1)], "Never", "Failed"),
        ([ended(), running()], "Never", "Running"),
        ([running(Role.SIDECAR), ended()], "OnFailure", "Succeeded"),
        ([crashing(Role.INIT), waiting()], "Always", "Pending"),
        ([ended(1, Role.INIT), waiting()], "Never", "Failed"),
        ([ended(0, Role.INIT), running()], "Always", "Running"),
    ],
)
def test_phase(containers: list[Container], policy: str, result: str) -> None:
    assert phase(containers, policy) == result


def status(containers: list[Container], *, ending: bool = False, **pod: Any) -> dict[str, Any]:
    obj = {"metadata": {"uid": "u"}, "spec": {"containers": [], **pod.pop("spec", {})}, **pod}
    return pod_status(obj, containers, now=NOW, ip="10.244.0.2", host_ip="127.0.0.1", sandbox_ready=True, ending=ending)


def conditions(made: dict[str, Any]) -> dict[str, str]:
    return {found["type"]: found["status"] for found in made["conditions"]}


def test_a_ready_pod() -> None:
    made = status([running(Role.SIDECAR), running()])
    assert set(conditions(made).values()) == {"True"}
    assert (made["podIP"], made["podIPs"], made["hostIP"]) == ("10.244.0.2", [{"ip": "10.244.0.2"}], "127.0.0.1")
    assert len(made["containerStatuses"]) == len(made["initContainerStatuses"]) == 1


def test_an_unready_sidecar_makes_the_pod_unready() -> None:
    made = status([running(Role.SIDECAR, ready=False), running()])
    assert conditions(made)["Ready"] == conditions(made)["ContainersReady"] == "False"
    ready = next(found for found in made["conditions"] if found["type"] == "Ready")
    assert ready["reason"] == "ContainersNotReady"
    assert "[c]" in ready["message"]


def test_a_pod_on_its_way_out_is_not_ready() -> None:
    made = status([running()], ending=True)
    assert (conditions(made)["Ready"], conditions(made)["ContainersReady"]) == ("False", "True")


def test_readiness_gates_and_conditions_of_others() -> None:
    spec = {"readinessGates": [{"conditionType": "example.com/ok"}]}
    assert conditions(status([running()], spec=spec))["Ready"] == "False"
    before = {"conditions": [{"type": "example.com/ok", "status": "True"}]}
    assert conditions(status([running()], spec=spec, status=before)) == {
        "PodReadyToStartContainers": "True",
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
        "PodScheduled": "True",
        "example.com/ok": "True",
    }


def test_times_of_transition_stay() -> None:
    first = status([running()])
    first["conditions"] = [{**found, "lastTransitionTime": "earlier"} for found in first["conditions"]]
    again = status([running(ready=False)], status=first)
    times = {found["type"]: found["lastTransitionTime"] for found in again["conditions"]}
    assert times["PodScheduled"] == "earlier"
    assert times["Ready"] == NOW


def test_a_completed_pod() -> None:
    made = status([ended()], spec={"restartPolicy": "Never"})
    ready = next(found for found in made["conditions"] if found["type"] == "Ready")
    assert (made["phase"], ready["status"], ready["reason"]) == ("Succeeded", "False", "PodCompleted")


@pytest.mark.parametrize(
    ("resources", "result"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
    ],
)
def test_quality_of_service(resources: list[dict[str, Any]], result: str) -> None:
    assert qos({"containers": [{"resources": found} for found in resources]}) == result
