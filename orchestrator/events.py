"""Events: what happened to an object, for people. The same event again counts up instead of piling up."""

from __future__ import annotations

import logging
import secrets
import time
from collections import OrderedDict
from datetime import UTC, datetime

from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.kinds import EVENT
from mesh.kube.objects import Object, name_of, namespace_of, uid_of
from mesh.kube.tasks import spawn

log = logging.getLogger(__name__)

REMEMBERED_MAX = 4096
PENDING_MAX = 1000
MESSAGE_CHARACTERS_MAX = 1024

EventKey = tuple[str, str, str, str, str]


class EventRecorder:
    """Records for one component. Recording never fails and never waits: an event is not worth a pod."""

    def __init__(self, client: Client, component: str, host: str) -> None:
        self._client = client
        self._component = component
        self._host = host
        self._known: OrderedDict[EventKey, tuple[str, int]] = OrderedDict()
        self._pending = 0

    def normal(self, obj: Object, reason: str, message: str, *, field_path: str = "") -> None:
        self._record(obj, "Normal", reason, message, field_path)

    def warning(self, obj: Object, reason: str, message: str, *, field_path: str = "") -> None:
        self._record(obj, "Warning", reason, message, field_path)

    def _record(self, obj: Object, kind: str, reason: str, message: str, field_path: str) -> None:
        if self._pending >= PENDING_MAX:
            log.warning("event dropped: %s %s %s", name_of(obj), reason, message)
            return
        self._pending += 1
        spawn(self._write(obj, kind, reason, message[:MESSAGE_CHARACTERS_MAX], field_path), name="event")

    async def _write(self, obj: Object, kind: str, reason: str, message: str, field_path: str) -> None:
        key = (uid_of(obj), kind, reason, message, field_path)
        now = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        namespace = namespace_of(obj) or "default"
        try:
            if key in self._known:
                name, count = self._known[key]
                self._remember(key, name, count + 1)
                try:
                    await self._client.patch(EVENT, name, {"count": count + 1, "lastTimestamp": now}, namespace)
                    return
                except ApiError as failure:
                    if not failure.not_found:  # its hour is over: begin again
                        raise
            name = f"{name_of(obj)}.{secrets.token_hex(8)}"
            self._remember(key, name, 1)
            event = self._event(obj, name, namespace, (kind, reason, message, field_path), now)
            await self._client.create(EVENT, event, namespace)
        except ApiError as failure:
            log.info("event not recorded: %s", failure)
        finally:
            self._pending -= 1

    def _remember(self, key: EventKey, name: str, count: int) -> None:
        self._known[key] = (name, count)
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)

    def _event(self, obj: Object, name: str, namespace: str, what: tuple[str, str, str, str], now: str) -> Object:
        kind, reason, message, field_path = what
        involved = {
            "apiVersion": obj.get("apiVersion", "v1"),
            "kind": obj.get("kind", ""),
            "name": name_of(obj),
            "namespace": namespace_of(obj),
            "uid": uid_of(obj),
            "resourceVersion": obj["metadata"].get("resourceVersion", ""),
            "fieldPath": field_path,
        }
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {key: value for key, value in involved.items() if value},
            "type": kind,
            "reason": reason,
            "message": message,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": self._component, "host": self._host},
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }
