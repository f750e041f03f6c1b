"""Starting containers: what the runtime is told, as a table; proxies from a real zygote, adopted by a later kubelet."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.images import Image, Images
from orchestrator.kubelet.launcher import Launch, ProxyLauncher, container_spec, image_of
from orchestrator.runtimes.base import Limits, RuntimeFailure
from orchestrator.runtimes.zygote import ProxyRuntime
from tests.sidecar.zygotes import RunningZygote

IMAGE = Image("/srv/web", ("serve",), workdir="/srv/web/app")
PROXY_TIMEOUT_S = 20


def launch(container: dict[str, Any] | None = None, pod: dict[str, Any] | None = None, **more: Any) -> Launch:
    made = Launch(
        name="main",
        attempt=0,
        log_path="main/0.log",
        argv=("serve",),
        env={},
        mounts=(),
        container=container or {},
        pod_spec=pod or {},
        image=IMAGE,
    )
    return replace(made, **more)


@pytest.mark.parametrize(
    ("container", "pod", "expected"),
    [
        ({}, {}, {"workdir": "/srv/web/app", "image_directory": "/srv/web", "run_as_user": None, "limits": Limits()}),
        ({"workingDir": "/tmp"}, {}, {"workdir": "/tmp"}),
        (
            {"securityContext": {"runAsUser": 5}},
            {"securityContext": {"runAsUser": 7, "runAsGroup": 8, "supplementalGroups": [9], "runAsNonRoot": True}},
            {"run_as_user": 5, "run_as_group": 8, "supplemental_groups": (9,), "run_as_non_root": True},
        ),
        ({"securityContext": {"readOnlyRootFilesystem": True}}, {}, {"read_only_root": True}),
        (
            {"resources": {"limits": {"cpu": "250m", "memory": "64Mi"}}},
            {},
            {"limits": Limits(cpu_millis=250, memory_bytes=64 << 20)},
        ),
    ],
)
def test_container_spec(container: dict[str, Any], pod: dict[str, Any], expected: dict[str, Any]) -> None:
    spec = container_spec(launch(container, pod))
    assert {name: getattr(spec, name) for name in expected} == expected


def test_privileged_is_refused() -> None:
    with pytest.raises(RuntimeFailure, match="privileged"):
        container_spec(launch({"securityContext": {"privileged": True}}))


def test_the_proxy_is_no_image(tmp_path: Path) -> None:
    assert image_of(Images(tmp_path / "images.json"), "pocketmesh/proxyv2:1") is None


@pytest.fixture
def zygote(layout: Any) -> Iterator[RunningZygote]:
    running = RunningZygote(layout.run, preload=["ingress.process"])
    yield running
    running.close()


async def test_a_proxy_is_found_by_the_next_kubelet(zygote: RunningZygote, make_pod: Any, layout: Any) -> None:
    sandbox = await make_pod("10.244.0.7")
    directory = layout.proxy("uid-proxy")

    def launcher() -> ProxyLauncher:
        return ProxyLauncher(ProxyRuntime(zygote.socket_path), sandbox, directory, hooked=True)

    first = launcher()
    with pytest.raises(RuntimeFailure, match="proxy sidecar, proxy router"):
        await first.start(launch(argv=("proxy",), image=None))
    proxy = launch(argv=("proxy", "sidecar"), image=None, name="istio-proxy", log_path="istio-proxy/0.log")
    started = await first.start(proxy)
    assert started.running
    later = launcher()
    (known,) = await later.known()
    assert (known.name, known.attempt) == ("istio-proxy", 0)
    await later.signal("istio-proxy", signal.SIGKILL)
    ended = await later.wait("istio-proxy", 0)
    assert not ended.running
    assert ended.exit_code != 0
    (gone,) = await launcher().known()
    assert (gone.running, gone.exit_code) == (False, ended.exit_code)
