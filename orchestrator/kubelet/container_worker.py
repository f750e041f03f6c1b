"""The life of one container: start, probe, restart with back-off, stop. One task a container.

What happens to it is written in its `Container`; `changed` is called whenever that may show in the pod's status.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mesh.kube.objects import Object
from mesh.kube.tasks import spawn
from orchestrator.events import EventRecorder
from orchestrator.images import ImageError
from orchestrator.kubelet import hooks, probes
from orchestrator.kubelet.back_off import BackOff
from orchestrator.kubelet.containers import Container, Role, restart_wanted
from orchestrator.kubelet.launcher import Launch, Launcher
from orchestrator.kubelet.references import ReferenceFailure
from orchestrator.runtimes.base import ContainerState, RuntimeFailure

log = logging.getLogger(__name__)

CONFIG_RETRY_S = 2.0
"""How often a container that waits for something missing (an image, a ConfigMap) looks again."""
KILL_WAIT_S = 10.0
RESTART_GRACE_S = 1.0
"""A sidecar that dies is promised to be back within this."""

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a container's worker needs of its pod."""

    pod: Callable[[], Object]
    launch: Callable[[Container], Launch]
    launcher: Launcher
    connect: probes.Connect
    execute: Callable[[str, list[str], float], Awaitable[Any]]
    host: str
    events: EventRecorder
    changed: Callable[[], None]


class ContainerWorker:
    """`run` until the container has ended for good; `stop` ends it from outside, once."""

    def __init__(self, container: Container, around: Surroundings) -> None:
        self.container = container
        self.settled = asyncio.Event()  # started, or ended for good
        self._around = around
        self._back_off = BackOff()
        self._stopping = asyncio.Event()
        self._probing: list[asyncio.Task[None]] = []
        self._grace_s = float(around.pod()["spec"].get("terminationGracePeriodSeconds", 30))

    async def run(self, *, adopted: bool = False) -> None:
        """Start it, or go on with the attempt of an earlier kubelet, and keep it as its policy says."""
        container = self.container
        while not self._stopping.is_set():
            if not adopted and not await self._start():
                continue
            if self._stopping.is_set() and container.running:  # it was told to stop while it was being started
                spawn(self._terminate(self._grace_s), name=f"stop {container.name}")
            if container.running:
                await self._watch(fresh=not adopted)
            adopted = False
            if self._stopping.is_set() or not restart_wanted(container, self._policy()):
                break
            await self._pause()
        self._end()

    def _end(self) -> None:
        container = self.container
        container.ready = container.started = False
        container.waiting = None
        if container.run is None:  # it never started: the pod ended before
            now = time.time()
            container.run = ContainerState(container.name, container.attempt, False, now, now, 137)
        self.settled.set()
        self._around.changed()

    def _policy(self) -> str:
        return str(self._around.pod()["spec"].get("restartPolicy", "Always"))

    async def _start(self) -> bool:
        """One attempt; False when it could not be made, after waiting a while."""
        container, around = self.container, self._around
        try:
            launch = around.launch(container)
            state = await around.launcher.start(launch)
        except ImageError as failure:
            again = container.waiting is not None and container.waiting[0] in {"ErrImagePull", "ImagePullBackOff"}
            if not again:
                around.events.warning(around.pod(), "Failed", str(failure), field_path=self._field_path())
            await self._wait("ImagePullBackOff" if again else "ErrImagePull", str(failure))
            return False
        except (ReferenceFailure, RuntimeFailure, OSError) as failure:
            reason = failure.reason if isinstance(failure, RuntimeFailure) else "CreateContainerConfigError"
            if container.waiting is None or container.waiting[1] != str(failure):
                around.events.warning(around.pod(), "Failed", f"Error: {failure}", field_path=self._field_path())
            await self._wait(reason, str(failure))
            return False
        container.run, container.waiting = state, None
        around.events.normal(
            around.pod(), "Started", f"Started container {container.name}", field_path=self._field_path()
        )
        if not state.limits_enforced and (container.spec.get("resources") or {}).get("limits"):
            around.events.warning(around.pod(), "LimitsNotEnforced", "no control group here: limits are not enforced")
        around.changed()
        return True

    def _field_path(self) -> str:
        kind = "containers" if self.container.role.value == "app" else "initContainers"
        return f"spec.{kind}{{{self.container.name}}}"

    async def _wait(self, reason: str, message: str) -> None:
        self.container.waiting = (reason, message)
        self._around.changed()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONFIG_RETRY_S):
                await self._stopping.wait()

    async def _watch(self, *, fresh: bool) -> None:
        """From the start of an attempt to its end; one that is not `fresh` was started by an earlier kubelet."""
        container, around = self.container, self._around
        self._begin_probes()
        if (hook := (container.spec.get("lifecycle") or {}).get("postStart")) and fresh:
            await self._post_start(hook)
        container.run = await around.launcher.wait(container.name, container.attempt)
        for task in self._probing:
            task.cancel()
        self._probing = []
        container.started = container.readiness = False
        if container.role is Role.SIDECAR and self._back_off.at_once and not self._stopping.is_set():
            # Its sockets wait in the sandbox and the next attempt takes them in a moment: were the pod unready
            # meanwhile, its callers would be told that there is nobody, instead of waiting that moment.
            spawn(self._unready_unless_back(container.attempt), name=f"restart of {container.name}")
            return
        container.ready = False
        around.changed()

    async def _unready_unless_back(self, attempt: int) -> None:
        await asyncio.sleep(RESTART_GRACE_S)
        container = self.container
        if not container.started and container.attempt <= attempt + 1:
            container.ready = False
            self._around.changed()

    async def _post_start(self, hook: dict[str, Any]) -> None:
        failure = await self._hook(hook, self._grace_s)
        if failure:
            self._around.events.warning(self._around.pod(), "FailedPostStartHook", failure)
            await self._around.launcher.signal(self.container.name, signal.SIGKILL)

    async def _hook(self, hook: dict[str, Any], timeout_s: float) -> str:
        around, name = self._around, self.container.name
        execute = lambda argv, seconds: around.execute(name, argv, seconds)  # noqa: E731
        return await hooks.run(hook, self.container.spec, around.connect, execute, around.host, timeout_s=timeout_s)

    async def _pause(self) -> None:
        """Back-off before the next attempt."""
        container, around = self.container, self._around
        assert container.run is not None
        delay_s = self._back_off.delay_s(container.run.finished_at - container.run.started_at)
        if delay_s:
            message = f"back-off {delay_s:.0f}s restarting failed container={container.name}"
            container.waiting = ("CrashLoopBackOff", message)
            around.events.warning(around.pod(), "BackOff", f"Back-off restarting failed container {container.name}")
            around.changed()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._stopping.wait()
        if not self._stopping.is_set():
            container.previous = container.run
            container.attempt += 1

    def _begin_probes(self) -> None:
        container = self.container
        begun = container.started  # an adopted container has passed its startup probe in an earlier kubelet's time
        if begun or not container.spec.get("startupProbe"):
            self._mark_started()
        for kind in PROBES:
            if (probe := container.spec.get(kind)) and not (begun and kind == "startupProbe"):
                task = spawn(self._probe(kind, probe), name=f"{kind} {container.name}")
                self._probing.append(task)

    def _mark_started(self) -> None:
        container = self.container
        container.started = True
        back = container.attempt > 0 and container.ready  # a sidecar that was restarted at once
        container.ready = container.readiness or back or not container.spec.get("readinessProbe")
        self.settled.set()
        self._around.changed()

    async def _probe(self, kind: str, probe: dict[str, Any]) -> None:
        container, around = self.container, self._around
        execute = lambda argv, seconds: around.execute(container.name, argv, seconds)  # noqa: E731
        initially = {"livenessProbe": True, "readinessProbe": container.readiness}.get(kind, False)
        verdict = probes.Verdict(probe, initially=initially)
        await asyncio.sleep(float(probe.get("initialDelaySeconds", 0)))
        period_s = float(probe.get("periodSeconds", 10))
        early_s, due = probes.EARLY_PERIOD_S, 0.0
        while True:
            if kind == "startupProbe" or container.started:
                answer = await probes.ask(probe, container.spec, around.connect, execute, around.host)
                counts = time.monotonic() >= due
                if counts:
                    due = time.monotonic() + period_s * probes.PERIOD_SLACK
                # What is asked between periods may only bring good news: thresholds are counted in periods.
                if (answer.ok or counts) and await self._judge(kind, verdict, answer):
                    return
            waiting = kind != "livenessProbe" and not verdict.state
            await asyncio.sleep(min(early_s, period_s) if waiting else period_s)
            early_s *= 2

    async def _judge(self, kind: str, verdict: probes.Verdict, answer: probes.Answer) -> bool:
        """Act on one answer; True when this probe is over."""
        container, around = self.container, self._around
        reached = verdict.observe(answer.ok)
        if not answer.ok and reached:
            word = kind.removesuffix("Probe").capitalize()
            around.events.warning(
                around.pod(), "Unhealthy", f"{word} probe failed: {answer.message}", field_path=self._field_path()
            )
        if kind == "readinessProbe":
            container.readiness = verdict.state
            if container.ready != (container.started and verdict.state):
                container.ready = container.started and verdict.state
                around.changed()
            return False
        if answer.ok:
            if kind == "startupProbe" and reached:
                self._mark_started()
                return True
            return False
        if reached:
            message = f"Container {container.name} failed {kind.removesuffix('Probe')} probe, will be restarted"
            around.events.normal(around.pod(), "Killing", message, field_path=self._field_path())
            spawn(self._terminate(self._grace_s), name=f"restart {container.name}")
            return True
        return False

    async def stop(self, grace_s: float) -> None:
        """preStop, SIGTERM, and SIGKILL when `grace_s` is over; returns when the container has ended."""
        if self._stopping.is_set():
            await self.settled.wait()
            return
        self._stopping.set()
        self._grace_s = grace_s
        if self.container.running:
            around = self._around
            message = f"Stopping container {self.container.name}"
            around.events.normal(around.pod(), "Killing", message, field_path=self._field_path())
            await self._terminate(grace_s)

    async def _terminate(self, grace_s: float) -> None:
        deadline = time.monotonic() + grace_s
        launcher, container = self._around.launcher, self.container
        if hook := (container.spec.get("lifecycle") or {}).get("preStop"):
            failure = await self._hook(hook, grace_s)
            if failure:
                self._around.events.warning(self._around.pod(), "FailedPreStopHook", failure)
        try:
            await launcher.signal(container.name, signal.SIGTERM)
            if not await self._ended_by(deadline - time.monotonic()):
                await launcher.signal(container.name, signal.SIGKILL)
                await self._ended_by(KILL_WAIT_S)
        except RuntimeFailure as failure:
            log.info("container %s: %s", container.name, failure)

    async def _ended_by(self, seconds: float) -> bool:
        attempt = self.container.attempt
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._around.launcher.wait(self.container.name, attempt)
        except TimeoutError:
            return False
        return True
