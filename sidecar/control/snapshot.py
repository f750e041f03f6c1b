"""The last good configuration on disk: with it a proxy starts while no control plane answers.

Written whole or not at all (a new file, then a rename), readable by its owner only, a little after a change so that a
burst of pushes is one write. Secrets are never in it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import msgspec

from sidecar.control.subscriptions import APPLY_ORDER, Entry, Response, Subscriptions

log = logging.getLogger(__name__)

FILE_NAME = "last-good.json"
QUIET_S = 0.5
FILE_BYTES_MAX = 256 << 20


class Snapshot:
    def __init__(self, directory: Path, node_id: str) -> None:
        self.path = directory / FILE_NAME
        self._node_id = node_id
        self._subscriptions: Subscriptions | None = None
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    def changed(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(QUIET_S, self.save)

    def save(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._subscriptions is None:
            return
        held = self._subscriptions.held
        document = _Document(self._node_id, [_Kind(url, list(held[url].values())) for url in APPLY_ORDER])
        partial = self.path.with_suffix(".partial")
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as output:
                output.write(msgspec.json.encode(document))
            partial.replace(self.path)
        except OSError as error:
            log.warning("the last good configuration was not written: %s", error)

    def load(self) -> list[Response]:
        """In the order to apply; nothing when there is no file of this node that can be read."""
        try:
            if self.path.stat().st_size > FILE_BYTES_MAX:
                raise ValueError(f"longer than {FILE_BYTES_MAX} bytes")
            document = msgspec.json.decode(self.path.read_bytes(), type=_Document)
        except FileNotFoundError:
            return []
        except (OSError, ValueError, msgspec.DecodeError) as error:
            log.warning("the last good configuration is not usable: %s", error)
            return []
        if document.node != self._node_id:
            return []
        return [Response(kind.type_url, resources=tuple(kind.resources)) for kind in document.kinds if kind.resources]


class _Kind(msgspec.Struct):
    type_url: str
    resources: list[Entry]


class _Document(msgspec.Struct):
    node: str
    kinds: list[_Kind]
