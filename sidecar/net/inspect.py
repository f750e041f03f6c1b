"""Listener filters: what is read from a connection before it is served, without taking more than is meant for us.

The PROXY header is consumed exactly; TLS and HTTP are only peeked at (MSG_PEEK), so that what follows reads everything.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from enum import Enum

from sidecar.net.accepted import Accepted
from sidecar.net.addresses import UNKNOWN, Endpoint
from sidecar.net.dispatcher import Dispatcher
from sidecar.protocol import proxy_v2
from sidecar.protocol.sniff import CLIENT_HELLO_BYTES_MAX, ClientHello, NotTls, client_hello, http_version

PEEK_BYTES_MAX = CLIENT_HELLO_BYTES_MAX + 1024
POLL_S = 0.01
"""A peeked socket stays readable: until more has come we look again after this long instead of spinning."""


class Step(Enum):
    PROXY = "proxy_protocol"
    PROXY_IF_ANY = "proxy_protocol, allow_requests_without_proxy_protocol"
    TLS = "tls_inspector"
    HTTP = "http_inspector"


class Inspection:
    """Runs `steps` on a fresh connection, then calls `done(True)`; `done(False)` = close it."""

    __slots__ = ("_accepted", "_dispatcher", "_done", "_finished", "_sock", "_steps", "_timer", "_watching")

    def __init__(
        self,
        dispatcher: Dispatcher,
        sock: socket.socket,
        accepted: Accepted,
        *,
        steps: tuple[Step, ...],
        timeout_s: float,
        done: Callable[[bool], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._sock = sock
        self._accepted = accepted
        self._steps = steps
        self._done = done
        self._finished = False
        self._watching = False
        self._timer = dispatcher.timer(self._timed_out)
        if timeout_s:
            self._timer.start(timeout_s)

    def run(self) -> None:
        if self._finished:
            return
        while self._steps:
            try:
                data = self._sock.recv(PEEK_BYTES_MAX, socket.MSG_PEEK)
            except (BlockingIOError, InterruptedError):
                self._watch()
                return
            except OSError:
                self._finish(False)
                return
            verdict = self._take(self._steps[0], data)
            if verdict is None:
                if not data or len(data) >= PEEK_BYTES_MAX or self._hung_up():
                    self._finish(False)
                else:
                    self._poll()
                return
            if not verdict:
                self._finish(False)
                return
            self._steps = self._steps[1:]
        self._finish(True)

    def _take(self, step: Step, data: bytes) -> bool | None:
        """True = this step is done, False = refuse, None = more bytes are needed."""
        if step is Step.PROXY or step is Step.PROXY_IF_ANY:
            return self._proxy(data, needed=step is Step.PROXY)
        if step is Step.TLS:
            return self._tls(data)
        if self._accepted.transport == "tls" or not data:
            return bool(data) or self._accepted.transport == "tls"
        version = http_version(data)
        if version is None:
            return None
        self._accepted.protocols = (version,) if version else ()
        return True

    def _proxy(self, data: bytes, *, needed: bool) -> bool | None:
        header = proxy_v2.decode(data)
        if isinstance(header, proxy_v2.NeedMore):
            return None if data else False
        if isinstance(header, proxy_v2.Malformed):
            return not needed and header is proxy_v2.ABSENT
        self._sock.recv(header.size)
        if header.source[0]:
            self._accepted.redirect(Endpoint(*header.source), Endpoint(*header.destination))
        else:
            self._accepted.redirect(UNKNOWN, UNKNOWN)
        return True

    def _tls(self, data: bytes) -> bool | None:
        if not data:
            return True  # closed before a byte: nothing to find out, the chain will see the end
        hello = client_hello(data)
        if isinstance(hello, ClientHello):
            self._accepted.transport = "tls"
            self._accepted.server_name = hello.server_name
            self._accepted.protocols = hello.protocols
            return True
        return True if isinstance(hello, NotTls) else None

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            self._dispatcher.loop.add_reader(self._sock.fileno(), self.run)

    def _poll(self) -> None:
        self._unwatch()
        self._dispatcher.loop.call_later(POLL_S, self.run)

    def _hung_up(self) -> bool:
        """The peer ends its data: no byte follows those that are there."""
        poll = select.poll()
        poll.register(self._sock.fileno(), select.POLLRDHUP)
        return bool(poll.poll(0))

    def _unwatch(self) -> None:
        if self._watching:
            self._watching = False
            self._dispatcher.loop.remove_reader(self._sock.fileno())

    def _timed_out(self) -> None:
        self._finish(False)

    def _finish(self, good: bool) -> None:
        if self._finished:
            return
        self._finished = True
        self._timer.stop()
        self._unwatch()
        self._done(good)
