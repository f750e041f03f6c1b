"""Which codec serves a connection: as configured, by ALPN, or by its first bytes (Envoy's codec_type AUTO)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.exchange.http1_server import Http1Server
from sidecar.exchange.http2_server import Http2Server
from sidecar.net.connection import Connection
from sidecar.protocol.http2_frames import PREFACE

if TYPE_CHECKING:
    from sidecar.exchange.manager import Manager
    from sidecar.net.accepted import Accepted


def serve(manager: Manager, connection: Connection, accepted: Accepted) -> None:
    wanted = manager.config.codec_type
    if wanted == "HTTP2" or (wanted == "AUTO" and accepted.alpn == "h2"):
        Http2Server(manager, connection, accepted)
    elif wanted == "HTTP1" or accepted.alpn:
        Http1Server(manager, connection, accepted)
    else:
        Undecided(manager, connection, accepted)


class Undecided:
    """Treats a connection as HTTP/1 until its first bytes say otherwise; then it is out of the way."""

    __slots__ = ("_accepted", "_came", "_connection", "_http1", "_manager")

    def __init__(self, manager: Manager, connection: Connection, accepted: Accepted) -> None:
        self._manager = manager
        self._connection = connection
        self._accepted = accepted
        self._came = b""
        self._http1 = Http1Server(manager, connection, accepted)
        connection.handler = self

    def data_received(self, data: bytes) -> None:
        connection, came = self._connection, self._came + data
        if came[: len(PREFACE)] == PREFACE:
            self._http1.give_up()
            Http2Server(self._manager, connection, self._accepted).data_received(came)
        elif PREFACE.startswith(came):
            self._came = came
            self._http1.wait_for_head()
        else:
            connection.handler = self._http1
            self._http1.data_received(came)

    def eof_received(self) -> None:
        self._http1.eof_received()

    def connection_lost(self, reason: str) -> None:
        self._http1.connection_lost(reason)

    def writing_paused(self) -> None:
        pass

    def writing_resumed(self) -> None:
        pass
