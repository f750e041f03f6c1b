"""Events are remembered for a while only: old ones are removed in the background."""

from __future__ import annotations

import asyncio
import logging
import time

from mesh.kube.errors import ApiError
from mesh.kube.kinds import EVENT
from orchestrator.api.call import INTERNAL, Call, DeleteOptions
from orchestrator.api.deletion import Deletion
from orchestrator.api.tables.column import parse_time
from orchestrator.store.base import Store

log = logging.getLogger(__name__)

SWEEP_INTERVAL_S = 60.0
EVENTS_MAX = 20_000
"""Beyond this many the oldest go early: a crash loop must not fill the memory."""


async def sweep(store: Store, deletion: Deletion, *, ttl_s: float, now: float) -> int:
    """Remove expired events once; returns how many."""
    page = await store.scan("/events")
    moments = [(_last(record.object()), record.key) for record in page.records]
    moments.sort(key=lambda entry: entry[0])
    excess = len(moments) - EVENTS_MAX
    gone = [key for rank, (moment, key) in enumerate(moments) if moment < now - ttl_s or rank < excess]
    for key in gone:
        try:
            await deletion.delete(Call(INTERNAL, EVENT, key.namespace, key.name), DeleteOptions())
        except ApiError as problem:
            if not problem.not_found:
                raise
    return len(gone)


def _last(event: dict[str, object]) -> float:
    meta = event.get("metadata")
    created = meta.get("creationTimestamp") if isinstance(meta, dict) else None
    for text in (event.get("lastTimestamp"), event.get("eventTime"), created):
        if isinstance(text, str) and (moment := parse_time(text)) is not None:
            return moment
    return 0.0


async def sweep_forever(store: Store, deletion: Deletion, *, ttl_s: float) -> None:
    while True:
        await asyncio.sleep(SWEEP_INTERVAL_S)
        try:
            await sweep(store, deletion, ttl_s=ttl_s, now=time.time())
        except Exception:
            log.exception("expired events could not be removed")
