"""Goal: pods end through their shims, and what is already gone is no obstacle."""

from __future__ import annotations

from pathlib import Path

from orchestrator.layout import Layout
from orchestrator.runtimes.base import ContainerSpec
from orchestrator.supervisor_stop import stop_pods


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
