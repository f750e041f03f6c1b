"""Lifecycle hooks: exec, httpGet and sleep, after the start of a container and before its end."""

from __future__ import annotations

import asyncio
from typing import Any

from orchestrator.kubelet.probes import Connect, Execute, http_get, port_number
from orchestrator.runtimes.base import RuntimeFailure


async def run(
    hook: dict[str, Any], container: dict[str, Any], connect: Connect, execute: Execute, host: str, *, timeout_s: float
) -> str:
    """Run one hook; "" when it succeeded, else why not. It never takes longer than `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            if action := hook.get("exec"):
                result = await execute(list(action.get("command") or []), timeout_s)
                text = result.output.decode(errors="replace")[:200].rstrip()
                return "" if result.exit_code == 0 else f"command exited with {result.exit_code}: {text}"
            if action := hook.get("httpGet"):
                answer = await http_get(action, port_number(action["port"], container), connect, host)
                return "" if answer.ok else answer.message
            if action := hook.get("sleep"):
                await asyncio.sleep(float(action["seconds"]))
                return ""
    except TimeoutError:
        return f"did not finish in {timeout_s:g} s"
    except (OSError, RuntimeFailure, ValueError) as failure:
        return str(failure) or type(failure).__name__
    return "this kind of hook is not supported: use exec, httpGet or sleep"
