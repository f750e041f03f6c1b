"""`POST /inject`: the API server asks what to add to a pod."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from mesh.admission.review import allowed, read_review
from mesh.inject.pod import inject
from mesh.inject.policy import NAMESPACE_LABEL, wants_sidecar
from mesh.inject.template import ProxySettings
from mesh.kube.objects import Object

SELECTED = {NAMESPACE_LABEL: "enabled"}
"""The webhook's selectors chose this pod with the API server's own view of the namespace. Ours may be older: a pod can
be created right after its namespace, and must not miss its sidecar for that."""


class InjectHandler:
    """`settings()` are asked at each request: MeshConfig may change."""

    def __init__(self, *, settings: Callable[[], ProxySettings]) -> None:
        self._settings = settings

    async def handle(self, request: web.Request) -> web.Response:
        try:
            review = read_review(msgspec.json.decode(await request.read()))
        except (ValueError, msgspec.DecodeError) as failure:
            return web.json_response({"message": str(failure)}, status=400)
        pod = review.obj
        if pod is None or review.operation != "CREATE":
            return web.json_response(allowed(review))
        namespace = review.namespace
        if not wants_sidecar(pod, namespace, SELECTED):
            return web.json_response(allowed(review))
        return web.json_response(allowed(review, patch=difference(pod, inject(pod, namespace, self._settings()))))


def difference(before: Object, after: Object) -> list[dict[str, Any]]:
    """A JSON patch that replaces the members of metadata and spec that injection touched.

    `add` on a member that exists replaces it (RFC 6902 section 4.1), so the patch fits any pod.
    """
    return [
        {"op": "add", "path": f"/{part}/{member}", "value": value}
        for part in ("metadata", "spec")
        for member, value in (after.get(part) or {}).items()
        if (before.get(part) or {}).get(member) != value
    ]
