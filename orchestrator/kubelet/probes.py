"""Probes: how a container is asked (http, tcp, exec), and what consecutive answers mean.

Kubernetes' rules: the startup probe silences the other two until it succeeded; readiness begins with no, liveness with
yes; a threshold of answers in a row is needed to change a mind. HTTP 200-399 is success.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.runtimes.base import ExecResult, RuntimeFailure

HEAD_BYTES_MAX = 16 << 10
OUTPUT_CHARACTERS_MAX = 200
EARLY_PERIOD_S = 0.1
"""While a container is not yet started or ready it is asked more often, doubling up to its period: a start is noticed
at once, and no probe is asked less often than its author wrote."""
PERIOD_SLACK = 0.99
"""Timers may fire a moment early; an answer that comes after this part of a period counts as the next one's."""

Connect = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
Execute = Callable[[list[str], float], Awaitable[ExecResult]]


@dataclass(frozen=True, slots=True)
class Answer:
    ok: bool
    message: str = ""


class Verdict:
    """Counts answers in a row; `state` changes when a threshold is reached."""

    __slots__ = ("_failure", "_run", "_success", "state")

    def __init__(self, probe: dict[str, Any], *, initially: bool) -> None:
        self.state = initially
        self._success = probe.get("successThreshold", 1)
        self._failure = probe.get("failureThreshold", 3)
        self._run: tuple[bool, int] = (initially, 0)

    def observe(self, ok: bool) -> bool:
        """True when this answer reached its threshold, whether or not it changes the state."""
        same, count = self._run
        count = count + 1 if same == ok else 1
        self._run = (ok, count)
        reached: bool = count >= (self._success if ok else self._failure)
        if reached:
            self.state = ok
        return reached


def port_number(port: int | str, container: dict[str, Any]) -> int:
    """A number, or the container's port of that name; 0 when it has none."""
    if isinstance(port, int):
        return port
    for found in container.get("ports") or []:
        if found.get("name") == port:
            return int(found["containerPort"])
    return int(port) if port.isdigit() else 0


async def ask(
    probe: dict[str, Any], container: dict[str, Any], connect: Connect, execute: Execute, host: str
) -> Answer:
    """One question, within `timeoutSeconds`; never raises for what the container does."""
    timeout_s = float(probe.get("timeoutSeconds", 1))
    try:
        async with asyncio.timeout(timeout_s):
            if action := probe.get("httpGet"):
                return await http_get(action, port_number(action["port"], container), connect, host)
            if action := probe.get("tcpSocket"):
                _, writer = await connect(port_number(action["port"], container))
                writer.close()
                return Answer(True)
            if action := probe.get("exec"):
                return _said(await execute(list(action.get("command") or []), timeout_s))
    except TimeoutError:
        return Answer(False, f"timed out after {timeout_s:g} s")
    except (OSError, RuntimeFailure, asyncio.IncompleteReadError, ValueError) as failure:
        return Answer(False, str(failure) or type(failure).__name__)
    return Answer(False, "this kind of probe is not supported: use httpGet, tcpSocket or exec")


def _said(result: ExecResult) -> Answer:
    if result.exit_code == 0 and not result.timed_out:
        return Answer(True)
    text = result.output.decode(errors="replace")[:OUTPUT_CHARACTERS_MAX].rstrip()
    return Answer(False, f"command exited with {result.exit_code}: {text}")


async def http_get(action: dict[str, Any], port: int, connect: Connect, host: str) -> Answer:
    """GET over a connection of its own; the status decides. HTTPS is not verified, as a kubelet does not."""
    if action.get("scheme", "HTTP") != "HTTP":
        return Answer(False, "probes by HTTPS are not supported: use HTTP, tcpSocket or exec")
    reader, writer = await connect(port)
    try:
        headers = {"Host": action.get("host") or f"{host}:{port}", "User-Agent": "kube-probe/1.32", "Accept": "*/*"}
        headers |= {found["name"]: found["value"] for found in action.get("httpHeaders") or []}
        path = action.get("path") or "/"
        lines = [f"GET {path if path.startswith('/') else '/' + path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode())
        await writer.drain()
        line = await reader.readline()
        words = line.decode(errors="replace").split()
        if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
            return Answer(False, f"not HTTP: {line[:40]!r}")
        status = int(words[1])
        return Answer(
            200 <= status < 400, "" if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"
        )
    finally:
        writer.close()
