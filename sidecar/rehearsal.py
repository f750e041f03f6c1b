"""Before the first fork the zygote configures an engine a few times, as a proxy would, and throws it away.

What that makes once (decoders of the configuration, compiled patterns, specialised bytecode, OpenSSL's tables) every
child then shares, instead of making it again in pages of its own: measured, 1.5-2 MB and 15 ms a proxy. It runs on the
standard library's loop, which has no threads; the loop is closed and nothing of it is left when the zygote forks.
`rehearsal.json` is what our control plane sends to a small pod.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from pathlib import Path
from typing import Any

from sidecar.config.refusal import Refusal
from sidecar.control.discovery import SERVER_NAME
from sidecar.control.node import Node, mesh_settings
from sidecar.engine import Engine
from sidecar.net.secrets import SecretStore
from sidecar.telemetry.render import prometheus
from sidecar.telemetry.sink import Telemetry
from sidecar.telemetry.stats import Stats

ROUNDS = 10
"""CPython 3.11 specialises a function after eight calls; after that its bytecode is not written again."""
RESOURCES = Path(__file__).with_name("rehearsal.json")
ENVIRONMENT = {
    "POD_NAME": "rehearsal",
    "POD_NAMESPACE": "default",
    "INSTANCE_IP": "10.244.0.1",
    "PROXY_CONFIG": '{"discoveryAddress":"127.0.0.1:15012"}',
}


def rehearse(rounds: int = ROUNDS) -> list[Refusal]:
    """Refusals, of which there are none while `rehearsal.json` and the engine agree."""
    resources = json.loads(RESOURCES.read_text())
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    SERVER_NAME.encode("idna")  # imports the codec
    refusals: list[Refusal] = []
    for _ in range(rounds):
        loop = asyncio.SelectorEventLoop()
        try:
            refusals = loop.run_until_complete(_configure(resources))
        finally:
            loop.close()
    return refusals


async def _configure(resources: list[dict[str, Any]]) -> list[Refusal]:
    stats = Stats()
    node: Node = mesh_settings("sidecar", ENVIRONMENT).node
    telemetry = Telemetry(stats, node.peer)
    engine = Engine(
        node=node,
        stats=stats,
        records=telemetry,
        secrets=SecretStore(),
        rng=random.Random(0),
        sandbox="/nonexistent",
    )
    answers = [engine.apply(one["type_url"], one["name"], one["resource"]) for one in resources]
    engine.subscriptions()
    engine.clusters()
    engine.listeners()
    prometheus(stats)
    await engine.close()
    return [answer for answer in answers if answer is not None]
