"""Pods in real sandboxes, from the API to their logs and back: the kubelet as its users see it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import CONFIG_MAP, POD
from mesh.kube.objects import Object
from orchestrator.controllers.pods import is_ready

pytestmark = pytest.mark.timeout(60)

Shell = Callable[..., Object]
FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def container_status(pod: Object, name: str = "main") -> dict[str, Any]:
    status = pod["status"]
    known = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    return next((found for found in known if found["name"] == name), {})


async def test_a_pod_with_everything_that_it_refers_to(node: Any, shell: Shell) -> None:
    conf = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"colour": "red"}}
    await node.client.create(CONFIG_MAP, conf, "default")
    script = "echo $GREETING $IP; cat /etc/conf/colour; echo; ls /var/run/secrets/kubernetes.io/serviceaccount"
    main = {
        "env": [
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "GREETING", "value": "hello-$(NAME)"},
        ],
        "volumeMounts": [{"name": "conf", "mountPath": "/etc/conf"}],
    }
    volumes = [{"name": "conf", "configMap": {"name": "conf"}}]
    begin = time.monotonic()
    await node.create(shell("full", script, main=main, volumes=volumes, restartPolicy="Never"))
    pod = await node.phase("full", "Succeeded")
    assert time.monotonic() - begin < 5
    lines = (await node.logs("full")).split()
    assert lines == ["hello-full", pod["status"]["podIP"], "red", "ca.crt", "namespace", "token"]
    assert container_status(pod)["state"]["terminated"]["exitCode"] == 0
    assert pod["metadata"]["annotations"]["pocketmesh.io/sandbox"].endswith(pod["status"]["podIP"])


async def test_a_crash_loop_shows_its_back_off_and_its_last_words(node: Any, shell: Shell) -> None:
    await node.create(shell("crash", "echo attempt; exit 7"))

    async def looping() -> Object | None:
        pod = await node.pod("crash")
        waiting = (container_status(pod).get("state") or {}).get("waiting") or {}
        return pod if waiting.get("reason") == "CrashLoopBackOff" else None

    pod = await node.until(looping, "CrashLoopBackOff")
    found = container_status(pod)
    assert found["restartCount"] == 1
    assert found["lastState"]["terminated"]["exitCode"] == 7
    assert pod["status"]["phase"] == "Running"
    assert await node.logs("crash", previous=True) == "attempt\n"
    await node.said("BackOff")


async def test_an_unknown_image_names_the_remedy(node: Any, shell: Shell) -> None:
    await node.create(shell("unknown", "true", main={"image": "nobody/knows:1"}))
    message = await node.said("Failed", "nobody/knows")
    assert "mesh image add nobody/knows --dir" in message

    async def waiting() -> bool:
        state = container_status(await node.pod("unknown")).get("state") or {}
        return (state.get("waiting") or {}).get("reason") in {"ErrImagePull", "ImagePullBackOff"}

    await node.until(waiting, "ErrImagePull")
    with pytest.raises(ApiError, match="waiting to start"):
        await node.logs("unknown")


async def test_init_containers_in_order_then_sidecars_until_the_job_is_done(node: Any, shell: Shell) -> None:
    def step(name: str, script: str, **more: Any) -> dict[str, Any]:
        mounts = [{"name": "shared", "mountPath": "/shared"}]
        return {"name": name, "image": "shell", "args": [script], "volumeMounts": mounts, **more}

    startup = {"exec": {"command": ["test", "-e", "/shared/up"]}, "periodSeconds": 1}
    sidecar = f"echo sidecar >> /shared/order; touch /shared/up; {FOREVER}"
    inits = [
        step("first", "echo first >> /shared/order"),
        step("sidecar", sidecar, restartPolicy="Always", startupProbe=startup),
        step("second", "echo second >> /shared/order"),
    ]
    main = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    await node.create(
        shell(
            "job",
            "cat /shared/order",
            main=main,
            initContainers=inits,
            volumes=[{"name": "shared", "emptyDir": {}}],
            restartPolicy="Never",
        )
    )
    pod = await node.phase("job", "Succeeded")
    assert await node.logs("job") == "first\nsidecar\nsecond\n"

    async def over() -> bool:
        return "terminated" in container_status(await node.pod("job"), "sidecar")["state"]

    await node.until(over, "the sidecar has ended")
    assert container_status(pod, "first")["state"]["terminated"]["reason"] == "Completed"


async def test_a_failing_init_container_ends_a_pod_that_never_restarts(node: Any, shell: Shell) -> None:
    inits = [{"name": "broken", "image": "shell", "args": ["exit 3"]}]
    await node.create(shell("never", "echo started", initContainers=inits, restartPolicy="Never"))
    pod = await node.phase("never", "Failed")
    assert container_status(pod, "broken")["state"]["terminated"]["exitCode"] == 3


async def test_readiness_follows_the_probe(node: Any, shell: Shell) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1}
    script = f"while ! test -e /tmp/go; do sleep 0.05; done; touch /tmp/ready; {FOREVER}"
    await node.create(shell("ready", script, main={"readinessProbe": probe}))
    assert not is_ready(await node.phase("ready", "Running"))
    worker = next(iter(node.kubelet._workers.values()))
    await worker.sandbox.execute("main", ["touch", "/tmp/go"], timeout_s=5)

    async def ready(wanted: bool) -> bool:
        return is_ready(await node.pod("ready")) == wanted

    await node.until(lambda: ready(True), "ready")
    await worker.sandbox.execute("main", ["rm", "/tmp/ready"], timeout_s=5)
    await node.until(lambda: ready(False), "unready again")


async def test_liveness_restarts_a_container(node: Any, shell: Shell) -> None:
    probe = {"tcpSocket": {"port": 1234}, "periodSeconds": 1, "failureThreshold": 1}
    await node.create(shell("dead", FOREVER, main={"livenessProbe": probe}))

    async def restarted() -> bool:
        return bool(container_status(await node.pod("dead")).get("restartCount", 0) >= 1)

    await node.until(restarted, "restarted")
    assert "Liveness probe failed" in await node.said("Unhealthy")


async def test_deletion_runs_the_hook_before_the_signal(node: Any, shell: Shell) -> None:
    script = "trap 'echo term; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    lifecycle = {"preStop": {"exec": {"command": ["sh", "-c", "sleep 0.3; echo hook > /proc/1/fd/1"]}}}
    await node.create(shell("graceful", script, main={"lifecycle": lifecycle}))
    await node.phase("graceful", "Running")

    async def up() -> bool:
        return "up" in await node.logs("graceful")

    await node.until(up, "up")
    pod = await node.pod("graceful")
    stream = node.kubelet.logs(pod, "main", follow=True)
    first = await anext(stream)
    await node.client.delete(POD, "graceful", "default")
    rest = [piece async for piece in stream]
    text = (first + b"".join(rest)).decode().split()
    assert text == ["up", "hook", "term"]
    await node.gone("graceful")


async def test_a_container_that_ignores_the_signal_is_killed(node: Any, shell: Shell) -> None:
    await node.create(shell("deaf", "trap '' TERM; while :; do sleep 0.1; done", terminationGracePeriodSeconds=1))
    await node.phase("deaf", "Running")
    begin = time.monotonic()
    await node.client.delete(POD, "deaf", "default")
    await node.gone("deaf")
    assert 0.9 < time.monotonic() - begin < 5


async def test_the_next_kubelet_adopts_what_runs(node: Any, shell: Shell) -> None:
    await node.create(shell("kept", f"echo started; {FOREVER}"))
    await node.create(shell("done", "echo once", restartPolicy="Never"))
    await node.phase("done", "Succeeded")
    before = await node.phase("kept", "Running")
    await node.stop_kubelet()
    await node.create(shell("later", "true", restartPolicy="Never"))
    await node.start_kubelet()
    await node.phase("later", "Succeeded")
    after = await node.pod("kept")
    assert container_status(after) == container_status(before)
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert await node.logs("kept") == "started\n"
    assert (await node.pod("done"))["status"]["phase"] == "Succeeded"  # what is over does not run again
    assert await node.logs("done") == "once\n"
    await node.client.delete(POD, "kept", "default")
    await node.gone("kept")


async def test_a_deletion_while_nobody_watched(node: Any, shell: Shell) -> None:
    await node.create(shell("missed", FOREVER))
    await node.phase("missed", "Running")
    await node.stop_kubelet()
    await node.client.delete(POD, "missed", "default", grace_period_s=0)
    kubelet = await node.start_kubelet()
    assert not await kubelet._runtime.sandboxes()


async def test_log_options(node: Any, shell: Shell) -> None:
    await node.create(shell("talk", "for i in 1 2 3 4; do echo line $i; done", restartPolicy="Never"))
    await node.phase("talk", "Succeeded")
    assert await node.logs("talk", tail_lines=2) == "line 3\nline 4\n"
    assert await node.logs("talk", limit_bytes=8) == "line 1\nl"
    assert await node.logs("talk", since_seconds=3600.0) == "line 1\nline 2\nline 3\nline 4\n"
    stamped = (await node.logs("talk", timestamps=True, tail_lines=1)).split(" ", 1)
    assert stamped[0].endswith("Z")
    assert stamped[1] == "line 4\n"
    with pytest.raises(ApiError, match="previous terminated container"):
        await node.logs("talk", previous=True)


async def test_a_missing_volume_source_waits_for_it(node: Any, shell: Shell) -> None:
    main = {"volumeMounts": [{"name": "late", "mountPath": "/late"}]}
    volumes = [{"name": "late", "configMap": {"name": "late"}}]
    await node.create(shell("patient", "cat /late/key", main=main, volumes=volumes, restartPolicy="Never"))
    assert 'configmap "late" not found' in await node.said("FailedMount")
    late = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}, "data": {"key": "now"}}
    await node.client.create(CONFIG_MAP, late, "default")
    await node.phase("patient", "Succeeded")
    assert await node.logs("patient") == "now\n"
