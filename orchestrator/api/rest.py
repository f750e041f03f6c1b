"""The resource verbs over HTTP: options from the query, bodies in, representations out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import yaml
from aiohttp import web

from mesh.kube.kinds import Kind
from mesh.kube.objects import Object
from orchestrator.api.authorization import authorize
from orchestrator.api.body import decode_body, decode_patch
from orchestrator.api.call import Call, DeleteOptions, FieldValidation, User
from orchestrator.api.deletion import Deletion
from orchestrator.api.errors import (
    Cause,
    bad_request,
    failure,
    forbidden_field,
    invalid_options,
    not_allowed,
    status_body,
)
from orchestrator.api.managed_fields import MANAGER_LENGTH_MAX
from orchestrator.api.negotiate import Representation, representation, wants_yaml
from orchestrator.api.node import NodeBackend
from orchestrator.api.pod_streams import PodStreams
from orchestrator.api.reads import Listed, ListOptions, Reads
from orchestrator.api.resources import Resources
from orchestrator.api.routes import Target
from orchestrator.api.streams import LogStream, WatchStream
from orchestrator.api.subresources import Subresources
from orchestrator.api.table import Include, partial, table
from orchestrator.store.base import Record

JSON = "application/json"
LIMIT_MAX = 2**31
UPGRADED = frozenset(("exec", "portforward"))
"""Subresources that turn their connection into something else."""
Query = Mapping[str, str]


@dataclass(slots=True)
class Api:
    """Everything the handlers of resources need. `node` is set once a kubelet is there."""

    resources: Resources
    reads: Reads
    deletion: Deletion
    subresources: Subresources
    several_versions: frozenset[str]
    node: NodeBackend | None = None


@dataclass(slots=True)
class Reply:
    """What a verb answers: a body already encoded, or an object still to be represented."""

    status: int
    body: bytes
    content_type: str = JSON


class Rest:
    def __init__(self, api: Api) -> None:
        self._api = api
        self.watches = WatchStream(api.reads, api.several_versions)
        self.logs = LogStream(api.resources)
        self.pods = PodStreams(api.resources)

    async def handle(self, request: web.BaseRequest, target: Target, user: User) -> web.StreamResponse:
        query = request.query
        call = Call(user, target.kind, target.namespace, target.name, target.subresource)
        call.dry_run = _dry_run(query)
        call.field_validation = _field_validation(query)
        verb = _verb(request.method, target, query)
        _manager(request, call)
        authorize(call, verb)
        if not target.subresource and verb not in target.kind.verbs:
            raise not_allowed()
        if target.subresource and target.subresource not in target.kind.subresources:
            return await self._foreign_subresource(request, call)
        if target.subresource in UPGRADED:
            return await self.pods.serve(request, call, self._api.node)
        accept = request.headers.get("Accept", "")
        form = representation(accept)
        if form is None:
            raise failure(406, "only the following media types are accepted: application/json, application/yaml")
        if verb == "watch":
            return await self.watches.serve(request, call, _list_options(query), form, include=_include(query))
        if target.subresource == "log" and request.method == "GET":
            return await self.logs.serve(request, call, self._api.node)
        reply = await self._reply(request, call, verb, form)
        return _response(reply, call, accept)

    async def _foreign_subresource(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        if request.method not in ("GET", "POST"):
            raise not_allowed()
        # Says which of the well-known ones are not served yet; anything else is not found.
        await self._api.resources.record(call)
        await self._api.subresources.create(call, {})
        raise not_allowed()

    async def _reply(self, request: web.BaseRequest, call: Call, verb: str, form: Representation) -> Reply:
        if verb == "list":
            listed = await self._api.reads.list(call, _list_options(request.query))
            return Reply(200, self._list_body(call.kind, listed, form, _include(request.query)))
        if verb == "get":
            return await self._get(request, call, form)
        if verb in ("delete", "deletecollection"):
            return await self._delete(request, call, verb, form)
        content, content_type = await request.read(), request.headers.get("Content-Type", "")
        if verb == "patch":
            patch_type, patch = decode_patch(content, content_type)
            if call.subresource:
                obj = await self._api.subresources.patch(call, patch_type, patch)
            else:
                obj = await self._api.resources.patch(call, patch_type, patch)
            return Reply(201 if call.created else 200, self._one(call.kind, obj, form, _include(request.query)))
        body = decode_body(content, content_type)
        if verb == "create":
            created = self._created_by_subresource(call)
            verbs = self._api.subresources if created else self._api.resources
            obj = await verbs.create(call, body)
            return Reply(201, self._one(call.kind, obj, form, _include(request.query)))
        obj = await (self._api.subresources if call.subresource else self._api.resources).update(call, body)
        return Reply(201 if call.created else 200, self._one(call.kind, obj, form, _include(request.query)))

    def _created_by_subresource(self, call: Call) -> bool:
        return bool(call.subresource) or call.kind.verbs == ("create",)

    async def _get(self, request: web.BaseRequest, call: Call, form: Representation) -> Reply:
        if call.subresource:
            obj = await self._api.subresources.get(call)
        else:
            record = await self._api.resources.record(call)
            if form == "object":
                return Reply(200, self._value(call.kind, record))
            obj = self._api.resources.object(call.kind, record)
        return Reply(200, self._one(call.kind, obj, form, _include(request.query)))

    async def _delete(self, request: web.BaseRequest, call: Call, verb: str, form: Representation) -> Reply:
        content = await request.read()
        body = decode_body(content, request.headers.get("Content-Type", "")) if content else {}
        call.dry_run = call.dry_run or bool(body.get("dryRun"))
        options = _delete_options(body, request.query)
        if verb == "delete":
            obj = await self._api.deletion.delete(call, options)
            return Reply(200, self._one(call.kind, obj, form, _include(request.query)))
        objects = await self._api.deletion.delete_collection(call, options, _list_options(request.query))
        meta = {"resourceVersion": str(self._api.resources.store.revision)}
        listed = {"kind": f"{call.kind.kind}List", "apiVersion": call.kind.api_version, "metadata": meta}
        return Reply(200, msgspec.json.encode({**listed, "items": objects}))

    def _value(self, kind: Kind, record: Record) -> bytes:
        if f"{kind.group}/{kind.plural}" in self._api.several_versions:
            return msgspec.json.encode(self._api.resources.object(kind, record))
        return record.value

    def _one(self, kind: Kind, obj: Object, form: Representation, include: Include) -> bytes:
        if form == "object" or "metadata" not in obj or obj.get("kind") != kind.kind:
            return status_body(obj) if obj.get("kind") == "Status" else msgspec.json.encode(obj)
        if form == "table":
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return msgspec.json.encode(table(kind, [obj], include=include, meta=meta, now=time.time()))
        return msgspec.json.encode(partial(obj))

    def _list_body(self, kind: Kind, listed: Listed, form: Representation, include: Include) -> bytes:
        meta: dict[str, Any] = {"resourceVersion": str(listed.revision)}
        if listed.continue_token:
            meta["continue"] = listed.continue_token
            if listed.remaining >= 0:
                meta["remainingItemCount"] = listed.remaining
        if form == "object":
            head = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": meta}
            items = b",".join(self._value(kind, record) for record in listed.records)
            return msgspec.json.encode(head)[:-1] + b',"items":[' + items + b"]}"
        objects = (self._api.resources.object(kind, record) for record in listed.records)
        if form == "table":
            return msgspec.json.encode(table(kind, objects, include=include, meta=meta, now=time.time()))
        shown = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
        return msgspec.json.encode({**shown, "items": [partial(obj) for obj in objects]})


def _response(reply: Reply, call: Call, accept: str) -> web.Response:
    headers = [("Warning", f'299 - "{_quoted(text)}"') for text in call.warnings]
    body, content_type = reply.body, reply.content_type
    if wants_yaml(accept):
        body, content_type = yaml.safe_dump(msgspec.json.decode(body)).encode(), "application/yaml"
    response = web.Response(status=reply.status, body=body, content_type=content_type)
    for name, value in headers:
        response.headers.add(name, value)
    return response


def _quoted(text: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in text)
    return printable.replace("\\", "\\\\").replace('"', '\\"')


def _verb(method: str, target: Target, query: Query) -> str:
    if method == "GET":
        if target.name:
            return "get"
        return "watch" if query.get("watch") in ("true", "1") else "list"
    if method == "POST":
        if target.name and not target.subresource:
            raise not_allowed()
        return "create"
    if method == "DELETE":
        return "delete" if target.name else "deletecollection"
    verb = {"PUT": "update", "PATCH": "patch"}.get(method)
    if verb is None or not target.name:
        raise not_allowed()
    return verb


def _manager(request: web.BaseRequest, call: Call) -> None:
    """Who is written down as the owner of what changes: the client's name for itself, else its program."""
    query = request.query
    given = query.get("fieldManager", "")
    applies = request.headers.get("Content-Type", "").startswith("application/apply-patch+yaml")
    if len(given) > MANAGER_LENGTH_MAX or not given.isprintable():
        text = f"Invalid value: must be printable and no more than {MANAGER_LENGTH_MAX} characters"
        raise invalid_options("PatchOptions", [Cause("FieldValueInvalid", "fieldManager", text)])
    program = request.headers.get("User-Agent", "").partition("/")[0][:MANAGER_LENGTH_MAX] or "unknown"
    call.field_manager = given if given or applies else program
    call.force = query.get("force") in ("true", "1")
    if "force" in query and request.method == "PATCH" and not applies:
        raise invalid_options("PatchOptions", [forbidden_field("force", "may not be specified for non-apply patch")])


def _dry_run(query: Query) -> bool:
    value = query.get("dryRun", "")
    if value not in ("", "All"):
        raise bad_request(f'invalid dryRun option: "{value}": supported values: "All"')
    return value == "All"


def _field_validation(query: Query) -> FieldValidation:
    value = query.get("fieldValidation", "")
    if value not in ("", "Ignore", "Warn", "Strict"):
        raise bad_request(f'invalid fieldValidation: "{value}": supported values: "Ignore", "Warn", "Strict"')
    return cast("FieldValidation", value)


def _include(query: Query) -> Include:
    value = query.get("includeObject", "Metadata")
    return cast("Include", value) if value in ("None", "Metadata", "Object") else "Metadata"


def number(query: Query, name: str) -> int | None:
    """A non-negative integer of the query, None when absent."""
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= LIMIT_MAX):
        raise bad_request(f'invalid {name}: "{text}"')
    return int(text)


def _list_options(query: Query) -> ListOptions:
    initial = query.get("sendInitialEvents")
    return ListOptions(
        label_selector=query.get("labelSelector", ""),
        field_selector=query.get("fieldSelector", ""),
        limit=number(query, "limit") or 0,
        continue_token=query.get("continue", ""),
        resource_version=query.get("resourceVersion", ""),
        resource_version_match=query.get("resourceVersionMatch", ""),
        send_initial_events=None if initial is None else initial == "true",
    )


def _delete_options(body: Object, query: Query) -> DeleteOptions:
    grace_s = body.get("gracePeriodSeconds")
    if grace_s is None:
        grace_s = number(query, "gracePeriodSeconds")
    if grace_s is not None and (not isinstance(grace_s, int) or grace_s < 0):
        raise bad_request("gracePeriodSeconds must be a non-negative integer")
    preconditions = body.get("preconditions") or {}
    policy = body.get("propagationPolicy") or query.get("propagationPolicy") or ""
    if policy not in ("", "Background", "Foreground", "Orphan"):
        raise bad_request(f'invalid propagationPolicy: "{policy}"')
    if not policy and (body.get("orphanDependents") or query.get("orphanDependents") == "true"):
        policy = "Orphan"
    return DeleteOptions(grace_s, policy, preconditions.get("uid") or "", preconditions.get("resourceVersion") or "")
