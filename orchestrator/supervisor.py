"""The parent of a mesh: starts its processes, restarts what dies, ends all of it.

One thread and one selector; it is executed, never forked from something larger, and it is a subreaper, so that
whatever the zygotes leave behind is still its own to end. A process that dies is back within a second. If the
supervisor itself is killed, the next one finds the record of its processes and ends them before it starts its own;
pods run on and are adopted.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator import supervisor_settings as settings_of
from orchestrator.layout import Layout, LayoutError, default_home, layout_of
from orchestrator.process_identity import ProcessIdentity, start_time
from orchestrator.runtimes.kernel import set_child_subreaper
from orchestrator.supervisor_child import Child, ChildSpec, due
from orchestrator.supervisor_settings import PORTS, Settings, SettingsError
from orchestrator.supervisor_stop import stop_everything, surviving_gateway

REQUEST_BYTES_MAX = 4096
REQUEST_TIMEOUT_S = 2.0
EXIT_USAGE = 2
SOURCE_DIRECTORY = Path(__file__).resolve().parent.parent


def processes(layout: Layout, settings: Settings) -> tuple[ChildSpec, ...]:
    """Every process of a mesh, as a command."""
    home, run, ports = str(layout.home), str(layout.run), settings.ports
    ingress = (
        "--ingress-http-port",
        str(ports["ingressHttpPort"]),
        "--ingress-https-port",
        str(ports["ingressHttpsPort"]),
    )
    python = (sys.executable, "-m")
    return (
        ChildSpec(
            "sandbox-zygote",
            (*python, "orchestrator", "sandbox-zygote", "--socket", str(layout.sandbox_zygote_socket), "--home", home),
        ),
        ChildSpec(
            "sidecar-zygote",
            (*python, "sidecar", "zygote", "--socket", str(layout.sidecar_zygote_socket))
            + ("--preload", "ingress.process", "--visible", run),
        ),
        ChildSpec(
            "orchestrator",
            (*python, "orchestrator", "serve", "--home", home, "--run", run, "--name", settings.name)
            + ("--api-port", str(ports["apiPort"])),
        ),
        ChildSpec(
            "control-plane",
            (*python, "mesh", "serve", "--kubeconfig", str(layout.control_plane / "kubeconfig"))
            + ("--xds-port", str(ports["xdsPort"]), *ingress, "--state", str(layout.control_plane)),
            after="orchestrator",
        ),
        ChildSpec(
            "node-proxy",
            (
                *python,
                "orchestrator",
                "node-proxy",
                "--kubeconfig",
                str(layout.node_proxy / "kubeconfig"),
                "--run",
                run,
            ),
            after="orchestrator",
        ),
    )


class Supervisor:
    """`specs` are its processes; `run` returns when a `stop` was asked for and everything has ended."""

    def __init__(self, layout: Layout, settings: Settings, specs: Sequence[ChildSpec]) -> None:
        self._layout = layout
        self._settings = settings
        search = os.pathsep.join(filter(None, (str(SOURCE_DIRECTORY), os.environ.get("PYTHONPATH"))))
        env = {**os.environ, "POCKETMESH_HOME": str(layout.home), "PYTHONPATH": search}
        self._children = [Child(spec, layout.run, layout.logs / f"{spec.name}.log", env) for spec in specs]
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._waiting_for_stop: list[socket.socket] = []

    def run(self) -> None:
        set_child_subreaper()
        end_leftovers(self._record)
        control = self._listen()
        wake = self._follow_signals()
        self._selector.register(control, selectors.EVENT_READ, lambda: self._serve(control))
        self._selector.register(wake, selectors.EVENT_READ, lambda: self._drain(wake))
        for child in self._children:
            self._selector.register(child.notify, selectors.EVENT_READ, child.notified)
        self._write_state()
        while not self._stopping:
            wait = self._start_what_is_due()
            for key, _ in self._selector.select(wait):
                key.data()
            self._reap()
        stop_everything(self._layout, self._children)
        for connection in self._waiting_for_stop:
            self._answer(connection, {"stopped": True})

    @property
    def _record(self) -> Path:
        return self._layout.run / "processes.json"

    def _listen(self) -> socket.socket:
        path = self._layout.supervisor_socket
        path.unlink(missing_ok=True)
        control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        control.bind(str(path))
        path.chmod(0o600)
        control.listen()
        return control

    def _follow_signals(self) -> socket.socket:
        wake, woken = socket.socketpair()
        self._woken = woken
        for end in (wake, woken):
            end.setblocking(False)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._stop())
        return wake

    def _stop(self) -> None:
        self._stopping = True

    def _drain(self, wake: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while wake.recv(1024):
                pass

    def _start_what_is_due(self) -> float | None:
        start, wait = due(self._children, time.monotonic())
        for child in start:
            child.start()
        if start:
            identities = [asdict(child.identity) for child in self._children if child.identity]
            settings_of.save(self._record, identities)
        return wait

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                for child in self._children:
                    if child.pid == pid:
                        how = os.waitstatus_to_exitcode(status)
                        sys.stderr.write(f"{child.spec.name} (pid {pid}) ended with {how}; starting it again\n")
                        child.ended()

    def _serve(self, control: socket.socket) -> None:
        """One JSON line in, one out. Peers are this user's own commands, so a short wait for the line is fine."""
        connection, _ = control.accept()
        connection.settimeout(REQUEST_TIMEOUT_S)
        try:
            line = connection.makefile("rb").readline(REQUEST_BYTES_MAX)
            verb = json.loads(line).get("verb")
        except (OSError, ValueError, AttributeError):
            connection.close()
            return
        if verb == "stop":
            self._waiting_for_stop.append(connection)
            self._stop()
        elif verb == "status":
            self._answer(connection, self._status())
        else:
            self._answer(connection, {"error": f"no such verb: {verb}"})

    def _answer(self, connection: socket.socket, message: Mapping[str, Any]) -> None:
        with connection, contextlib.suppress(OSError):
            connection.sendall(json.dumps(message).encode() + b"\n")

    def _status(self) -> dict[str, Any]:
        return {
            "name": self._settings.name,
            "home": str(self._layout.home),
            "processes": [
                {"name": child.spec.name, "pid": child.pid, "ready": child.ready} for child in self._children
            ],
        }

    def _write_state(self) -> None:
        ports, layout = self._settings.ports, self._layout
        state = {
            "name": self._settings.name,
            "home": str(layout.home),
            "run": str(layout.run),
            "context": self._settings.context,
            "kubeconfig": str(layout.kubeconfig),
            "apiServer": f"https://127.0.0.1:{ports['apiPort']}",
            "xds": f"127.0.0.1:{ports['xdsPort']}",
            "ingress": {"http": ports["ingressHttpPort"], "https": ports["ingressHttpsPort"]},
            "supervisor": asdict(ProcessIdentity(os.getpid(), start_time(os.getpid()))),
            "supervisorSocket": str(layout.supervisor_socket),
        }
        settings_of.save(layout.state, state)


def end_leftovers(record: Path) -> None:
    """End the processes of a supervisor that was killed; a pid is believed only with its start time."""
    try:
        found = [ProcessIdentity(**entry) for entry in json.loads(record.read_text())]
    except (OSError, ValueError, TypeError):
        return
    for process in found:
        process.kill()
    deadline = time.monotonic() + REQUEST_TIMEOUT_S
    while any(process.alive() for process in found) and time.monotonic() < deadline:
        time.sleep(0.01)


def lock(layout: Layout) -> int:
    """Hold the home for this process; raises `SettingsError` when a mesh runs from it."""
    descriptor = os.open(layout.home / "supervisor.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SettingsError(f"a mesh is already running from {layout.home}; see: mesh status") from None
    return descriptor


def main(argv: Sequence[str]) -> int:
    """`python -m orchestrator supervise`; 0 after an orderly stop, 2 when the mesh cannot start as asked."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator supervise")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--name", default=None)
    for port in PORTS:
        parser.add_argument(port.flag, dest=port.key, type=int, default=None)
    options = parser.parse_args(argv)
    layout = layout_of(options.home or default_home())
    try:
        layout.prepare()
        held = lock(layout)
        end_leftovers(layout.run / "processes.json")
        wanted = {port.key: getattr(options, port.key) for port in PORTS}
        settings = settings_of.choose(
            settings_of.load(layout.settings),
            name=options.name,
            ports=wanted,
            held_by_us=settings_of.INGRESS_PORTS if surviving_gateway(layout) else (),
        )
        settings_of.save(layout.settings, settings)
    except (LayoutError, SettingsError) as refused:
        sys.stderr.write(f"{refused}\n")
        return EXIT_USAGE
    Supervisor(layout, settings, processes(layout, settings)).run()
    os.close(held)
    return 0
