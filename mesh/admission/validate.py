"""`POST /validate`: is this Istio object meaningful?"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from aiohttp import web

from mesh.admission.references import defined_subsets, reference_warnings
from mesh.admission.review import AdmissionRequest, allowed, denied, read_review
from mesh.istio.validation import validate
from mesh.kube.objects import Object
from mesh.xds.source import StateSource


class ValidateHandler:
    """`source` None = no warnings about references (nothing is known about services)."""

    def __init__(self, source: StateSource | None, *, synced: Callable[[], bool] = lambda: True) -> None:
        self._source = source
        self._synced = synced

    async def handle(self, request: web.Request) -> web.Response:
        try:
            review = read_review(msgspec.json.decode(await request.read()))
        except (ValueError, msgspec.DecodeError) as failure:
            return web.json_response({"message": str(failure)}, status=400)
        return web.json_response(self.review(review))

    def review(self, request: AdmissionRequest) -> Object:
        if request.obj is None or request.operation == "DELETE":
            return allowed(request)
        obj = request.obj
        meta = obj.get("metadata") or {}
        if not meta.get("namespace") and request.namespace:
            obj = {**obj, "metadata": {**meta, "namespace": request.namespace}}
        verdict = validate(obj)
        if not verdict.valid:
            return denied(request, ((error.path, error.message) for error in verdict.errors))
        warnings = [f"{warning.path}: {warning.message}" for warning in verdict.warnings]
        return allowed(request, warnings=[*warnings, *self._references(obj)])

    def _references(self, obj: Object) -> list[str]:
        if self._source is None or self._source.state is None or not self._synced():
            return []
        subsets = defined_subsets(self._source.objects("DestinationRule"))
        return reference_warnings(obj, self._source.state.services, subsets)
