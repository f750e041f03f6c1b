"""Goal: pods end through their shims, and what is already gone is no obstacle."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from orchestrator.layout import Layout
from orchestrator.process_identity import ProcessIdentity, start_time
from orchestrator.runtimes.base import ContainerSpec
from orchestrator.supervisor_stop import recorded_proxies, stop_pods, surviving_gateway


async def test_pods_end_and_dead_ones_are_passed_over(make_pod, layout: Layout) -> None:
    pods = [await make_pod(f"10.244.5.{number}") for number in (2, 3)]
    for pod in pods:
        await pod.start_container(ContainerSpec("main", ("sleep", "600"), "main/0.log"))
    (layout.sandboxes / "10.244.5.9").mkdir()
    stop_pods(layout.sandboxes)
    for pod in pods:
        await pod.gone()
        assert (await pod.wait("main", 0)).exit_code in (137, 255)
        assert not pod.identity.alive()


def test_no_pods_at_all(tmp_path: Path) -> None:
    stop_pods(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_recorded_proxies(tmp_path: Path) -> None:
    """A record has more than the identity; other files of a proxy are no records."""
    (tmp_path / "uid").mkdir()
    (tmp_path / "uid/istio-proxy.json").write_text('{"attempt":0,"pid":12,"start_time":34,"started_at":1.5}')
    (tmp_path / "uid/last-good.json").write_text('{"resources":[]}')
    (tmp_path / "uid/broken.json").write_text("{")
    assert recorded_proxies(tmp_path) == [ProcessIdentity(12, 34)]
    assert recorded_proxies(tmp_path / "none") == []


def test_only_a_living_gateway_survives(layout: Layout) -> None:
    """The proxy of a pod with a network of its own holds no port of the host."""
    me, gone = ProcessIdentity(os.getpid(), start_time(os.getpid())), ProcessIdentity(os.getpid(), 1)
    for uid, identity in (("pod", me), ("gateway", gone)):
        (layout.run / "proxies" / uid).mkdir(parents=True)
        (layout.run / "proxies" / uid / "istio-proxy.json").write_text(json.dumps(asdict(identity)))
    (layout.sandboxes / "host-gateway").mkdir(parents=True)
    assert not surviving_gateway(layout)
    (layout.run / "proxies/gateway/istio-proxy.json").write_text(json.dumps(asdict(me)))
    assert surviving_gateway(layout)
