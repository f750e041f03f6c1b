"""`POST /v3/discovery:*`: xDS by polling, state of the world, as a real Envoy's REST config source does it.

Envoy sends what it has (`version_info`) and takes 304 for "nothing new". On this path it sends no nonce and no error,
so a refusal shows only as a version that does not advance.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from mesh.xds.kinds import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET
from mesh.xds.node import check_node, parse_node
from mesh.xds.pusher import Pusher
from mesh.xds.snapshot import Snapshot, digest
from mesh.xds.stream import Workloads, identity_of

PATHS = {
    "clusters": CLUSTER,
    "endpoints": ENDPOINT,
    "listeners": LISTENER,
    "routes": ROUTE,
    "secrets": SECRET,
}
"""The last word of `/v3/discovery:WORD`."""


class PollNode(msgspec.Struct):
    id: str = ""


class PollRequest(msgspec.Struct):
    """DiscoveryRequest. No `resource_names` = all of them."""

    node: PollNode = msgspec.field(default_factory=PollNode)
    version_info: str = ""
    resource_names: list[str] = msgspec.field(default_factory=list)


class PollHandler:
    def __init__(self, pusher: Pusher, *, workloads: Workloads) -> None:
        self._pusher = pusher
        self._workloads = workloads

    def add_routes(self, app: web.Application) -> None:
        for word in PATHS:
            app.router.add_post(f"/v3/discovery:{word}", self.handle)

    async def handle(self, request: web.Request) -> web.Response:
        identity = identity_of(request)
        if identity is None:
            return web.json_response({"message": "a client certificate is required"}, status=401)
        try:
            wanted = msgspec.json.decode(_snake(await request.read()), type=PollRequest)
        except msgspec.DecodeError as failure:
            return web.json_response({"message": str(failure)}, status=400)
        node = parse_node(wanted.node.id)
        found = (
            check_node(node, identity, self._workloads()) if node else f"node.id: {wanted.node.id!r} is not a node id"
        )
        if isinstance(found, str):
            return web.json_response({"message": found}, status=403)
        snapshot = self._pusher.snapshot_of(found)
        if snapshot is None:
            return web.json_response({"message": "no configuration yet"}, status=503)
        body = answer(snapshot, PATHS[request.path.rpartition(":")[2]], wanted)
        if body is None:
            return web.Response(status=304)
        return web.Response(body=body, content_type="application/json")


def answer(snapshot: Snapshot, type_url: str, wanted: PollRequest) -> bytes | None:
    """A DiscoveryResponse, None = the proxy has it already."""
    offered = snapshot.of(type_url)
    names = wanted.resource_names or list(offered)
    resources = [offered[name] for name in names if name in offered]
    version = digest(resources)
    if version == wanted.version_info:
        return None
    # Any in proto3 JSON: the message's own fields beside "@type".
    typed = [_with_type(type_url, bytes(resource.body)) for resource in resources]
    return msgspec.json.encode({"version_info": version, "type_url": type_url, "resources": typed})


def _with_type(type_url: str, body: bytes) -> msgspec.Raw:
    head = b'{"@type":' + msgspec.json.encode(type_url)
    return msgspec.Raw(head + b"}" if body == b"{}" else head + b"," + body[1:])


def _snake(body: bytes) -> bytes:
    """camelCase names, if that is how the request is written, in the form that `PollRequest` has."""
    return body.replace(b'"versionInfo"', b'"version_info"').replace(b'"resourceNames"', b'"resource_names"')
