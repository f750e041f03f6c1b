"""`python -m orchestrator serve`: API server, controllers, scheduler and kubelet in one process.

Ready when the API answers, the node is registered and the kubelet has adopted what runs. It ends without stopping a
pod: pods belong to their sandboxes, and the next orchestrator finds them.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from mesh.kube.tasks import spawn
from orchestrator.api.options import ApiOptions
from orchestrator.api.server import ApiServer
from orchestrator.controllers.controller import Controller, Informers
from orchestrator.controllers.deployment import DeploymentController
from orchestrator.controllers.endpoints import EndpointsController
from orchestrator.controllers.node import NodeRegistration
from orchestrator.controllers.replicaset import ReplicaSetController
from orchestrator.kubelet.addresses import POD_CIDR
from orchestrator.kubelet.kubelet import Kubelet
from orchestrator.layout import Layout
from orchestrator.notify import notify_ready
from orchestrator.runtimes.sandbox import SandboxRuntime
from orchestrator.scheduler.scheduler import Scheduler
from orchestrator.store.sqlite import SqliteStore

log = logging.getLogger("orchestrator")

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m orchestrator serve", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--name", default="pocketmesh")
    parser.add_argument("--api-port", type=int, default=0)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stderr)
    uvloop.run(serve(Layout(options.home, options.run), options.name, options.api_port))
    return 0


async def serve(layout: Layout, name: str, api_port: int) -> None:
    """Until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    layout.prepare()
    store = SqliteStore(layout.orchestrator / "store.db")
    context = name if name == "pocketmesh" else f"pocketmesh-{name}"
    server = ApiServer(store, ApiOptions(layout.home, port=api_port, context=context, node_name=name))
    await server.start()
    informers = Informers(server.local_client)
    runtime = SandboxRuntime(layout)
    kubelet = Kubelet(informers, layout, runtime, name)
    controllers: list[Controller] = [
        ReplicaSetController(informers),
        DeploymentController(informers),
        EndpointsController(informers),
        Scheduler(informers, name),
    ]
    server.set_node_backend(kubelet)
    informers.start()
    await informers.synced()
    registration = NodeRegistration(server.local_client, name, POD_CIDR)
    await registration.register()
    await kubelet.start()
    for controller in controllers:
        controller.start()
    renewing = spawn(registration.run(), name="node lease")
    notify_ready()
    log.info("serving on %s", server.port)
    await stopping.wait()
    renewing.cancel()
    for controller in controllers:
        await controller.stop()
    await kubelet.stop()
    await informers.stop()
    await server.stop()
    await store.close()
