"""`POST /v3/withdraw`: a pod's preStop hook asks to be taken out of every proxy's endpoints, and waits until it is.

The answer comes when every connected proxy has acknowledged endpoints without the pod, or after a bound: a proxy that
does not answer must not keep a pod from stopping.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec
from aiohttp import web

from mesh.kube.objects import Object, deleting, uid_of
from mesh.xds.node import check_node, parse_node
from mesh.xds.poll import PollNode
from mesh.xds.pusher import Pusher
from mesh.xds.source import StateSource
from mesh.xds.stream import identity_of
from mesh.xds.withdrawals import RESTART_HOLD_S, Withdrawals

log = logging.getLogger(__name__)

WITHDRAW_WAIT_S = 5.0


class WithdrawRequest(msgspec.Struct):
    node: PollNode = msgspec.field(default_factory=PollNode)


class WithdrawHandler:
    def __init__(self, source: StateSource, pusher: Pusher, withdrawals: Withdrawals) -> None:
        self._source = source
        self._pusher = pusher
        self._withdrawals = withdrawals
        source.informers["Pod"].add_handler(self._pod_changed)

    async def handle(self, request: web.Request) -> web.Response:
        identity = identity_of(request)
        if identity is None:
            return web.json_response({"message": "a client certificate is required"}, status=401)
        try:
            wanted = msgspec.json.decode(await request.read(), type=WithdrawRequest)
        except msgspec.DecodeError as failure:
            return web.json_response({"message": str(failure)}, status=400)
        node = parse_node(wanted.node.id)
        found = check_node(node, identity, self._source.workloads()) if node else "node.id: a node id is required"
        if isinstance(found, str):
            return web.json_response({"message": found}, status=403)
        acknowledged = await self.withdraw(found.uid, self._source.informers["Pod"].store.get(found.key))
        return web.json_response({"acknowledged": acknowledged})

    async def withdraw(self, uid: str, pod: Object | None) -> bool:
        """True when every proxy acknowledged, False when the bound passed first."""
        loop = asyncio.get_running_loop()
        until = None if pod is None or deleting(pod) else loop.time() + RESTART_HOLD_S
        self._withdrawals.add(uid, until=until)
        if until is not None:
            loop.call_at(until, self._expire)
        self._source.touch()
        try:
            async with asyncio.timeout(WITHDRAW_WAIT_S):
                await self._pusher.endpoints_level(await self._pusher.push())
        except TimeoutError:
            log.warning("a withdrawal was not acknowledged by every proxy within %gs", WITHDRAW_WAIT_S)
            return False
        return True

    def _expire(self) -> None:
        if self._withdrawals.expire(asyncio.get_running_loop().time()):
            self._source.touch()

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None and old is not None:
            self._withdrawals.forget(uid_of(old))
