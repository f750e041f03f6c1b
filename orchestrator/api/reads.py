"""Lists and watches: selectors checked for the kind, pages that stay consistent, streams that resume."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import msgspec

from mesh.kube.kinds import Kind
from mesh.kube.objects import Object
from mesh.kube.selectors import FieldSelector, Predicate, SelectorError, parse_fields, parse_labels, predicate
from orchestrator.api.call import Call, resource_of
from orchestrator.api.errors import bad_request, expired, failure
from orchestrator.api.strategies import strategy_of
from orchestrator.api.watch import Convert, Form, Watcher, WatchHub
from orchestrator.store.base import Compacted, Page, Record, Store, StoreKey

PAGE_SCAN = 500
_ALWAYS_SELECTABLE = frozenset(("metadata.name", "metadata.namespace"))


@dataclass(frozen=True, slots=True)
class ListOptions:
    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    resource_version_match: str = ""
    send_initial_events: bool | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """`remaining` is -1 when nobody can say it cheaply (a selector was given)."""

    records: list[Record]
    revision: int
    continue_token: str = ""
    remaining: int = -1


class Reads:
    def __init__(self, store: Store, hub: WatchHub) -> None:
        self._store = store
        self.hub = hub

    @property
    def revision(self) -> int:
        return self._store.revision

    async def list(self, call: Call, options: ListOptions) -> Listed:
        wanted, name = selection(call.kind, options)
        after, revision = _continued(options)
        if revision is None:
            revision = self._revision_asked(options)
        if name and not options.continue_token:
            # `metadata.name=x` in one namespace is a lookup: clients that wait for one object ask so.
            return await self._named(call, name, wanted, revision)
        if wanted is None:
            page = await self._scan(call, options.limit, after, revision)
            records = list(page.records)
            token = _token(records[-1], page.revision) if page.remaining and records else ""
            return Listed(records, page.revision, token, page.remaining if token else -1)
        return await self._filtered(call, wanted, options.limit, after, revision)

    async def _named(self, call: Call, name: str, wanted: Predicate | None, revision: int | None) -> Listed:
        if revision is None and (call.namespace or not call.kind.namespaced):
            record = await self._store.get(StoreKey(call.resource, call.namespace, name))
            records, at = ([record] if record else []), self._store.revision
        else:
            page = await self._scan(call, 0, None, revision)
            records, at = [record for record in page.records if record.key.name == name], page.revision
        return Listed([record for record in records if wanted is None or wanted(record.object())], at)

    async def _filtered(
        self, call: Call, wanted: Predicate, limit: int, after: tuple[str, str] | None, revision: int | None
    ) -> Listed:
        page = await self._scan(call, 0, after, revision)
        found: list[Record] = []
        for record in page.records:
            if wanted(record.object()):
                if limit and len(found) == limit:
                    return Listed(found, page.revision, _token(found[-1], page.revision))
                found.append(record)
        return Listed(found, page.revision)

    async def _scan(self, call: Call, limit: int, after: tuple[str, str] | None, revision: int | None) -> Page:
        try:
            return await self._store.scan(
                resource_of(call.kind), call.namespace, limit=limit, after=after, revision=revision
            )
        except Compacted as problem:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. You must start a new "
                "list without the continue parameter."
            ) from problem

    def _revision_asked(self, options: ListOptions) -> int | None:
        if not options.resource_version or options.resource_version == "0":
            return None
        revision = parse_revision(options.resource_version)
        self._check_reached(revision)
        return revision if options.resource_version_match == "Exact" else None

    def _check_reached(self, revision: int) -> None:
        if revision > self._store.revision:
            details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}
            raise failure(
                504,
                f"Too large resource version: {revision}, current: {self._store.revision}",
                details={**details, "retryAfterSeconds": 1},
            )

    async def watch(self, call: Call, options: ListOptions, form: Form) -> tuple[Watcher, int | None]:
        """A registered watcher (the caller removes it from the hub) and, if it begins with the current state, that
        state's revision."""
        wanted, name = selection(call.kind, options)
        namespace = call.namespace if call.kind.namespaced else ""
        watcher = Watcher(resource=call.resource, namespace=namespace, name=name, predicate=wanted, form=form)
        version = options.resource_version
        from_now = options.send_initial_events is False and not version
        if options.send_initial_events or version in ("", "0"):
            if from_now:
                self.hub.resume(watcher, self._store.revision)
                return watcher, None
            return watcher, await self.hub.begin(watcher)
        revision = parse_revision(version)
        self._check_reached(revision)
        self.hub.resume(watcher, revision)
        return watcher, None


def selection(kind: Kind, options: ListOptions) -> tuple[Predicate | None, str]:
    """The test for both selectors, and the name if `metadata.name=` asks for one (which the test leaves out)."""
    try:
        labels = parse_labels(options.label_selector)
        fields = parse_fields(options.field_selector)
    except SelectorError as problem:
        raise bad_request(f"unable to parse requirement: {problem}") from problem
    known = strategy_of(kind).fields | _ALWAYS_SELECTABLE
    for requirement in fields.requirements:
        if requirement.path not in known:
            raise bad_request(f"field label not supported: {requirement.path}")
    name = fields.exact("metadata.name") or ""
    if name:
        rest = tuple(r for r in fields.requirements if not (r.path == "metadata.name" and r.equal and r.value == name))
        fields = FieldSelector(rest)
    return predicate(labels, fields), name


def parse_revision(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise bad_request(f'invalid resource version "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


def _token(last: Record, revision: int) -> str:
    value = msgspec.json.encode([revision, last.key.namespace, last.key.name])
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _continued(options: ListOptions) -> tuple[tuple[str, str] | None, int | None]:
    if not options.continue_token:
        return None, None
    text = options.continue_token
    try:
        value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        revision, namespace, name = msgspec.json.decode(value, type=tuple[int, str, str])
    except (ValueError, msgspec.MsgspecError) as problem:
        raise bad_request("continue key is not valid: the token was not issued by this server") from problem
    return (namespace, name), revision


def converter(kind: Kind, *, several_versions: bool) -> Convert | None:
    """None when stored bytes can be sent as they are."""
    if not several_versions:
        return None

    def convert(obj: Object) -> Object:
        obj["apiVersion"] = kind.api_version
        return obj

    return convert
