"""A listener at work: its socket, accepting, listener filters, filter chain, TLS; then the chain has the connection.

The listener object stays while its configuration changes: new connections see the new chains by one assignment, running
ones keep theirs.
"""

from __future__ import annotations

import errno
import itertools
import logging
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

from sidecar.net.accepted import Accepted
from sidecar.net.addresses import Endpoint, endpoint_of, local_endpoint, original_destination
from sidecar.net.connection import WRITE_BYTES_HIGH, Connection
from sidecar.net.dispatcher import Dispatcher
from sidecar.net.filter_chain import ChainMatcher, Facts
from sidecar.net.inspect import Inspection, Step
from sidecar.net.tls import TlsContext, peer_names
from sidecar.telemetry.stats import Stats

log = logging.getLogger(__name__)

ACCEPTS_PER_TURN_MAX = 64
HANDSHAKE_TIMEOUT_S = 15.0
ACCEPT_PAUSE_S = 0.1
"""Out of descriptors: leave the others in the kernel's queue for so long."""

_identifiers = itertools.count(1)


class Chain(NamedTuple):
    name: str
    tls: TlsContext | None
    serve: Callable[[Connection, Accepted], None]
    handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S


class Rules(NamedTuple):
    """What a listener's configuration compiles to."""

    chains: ChainMatcher[Chain]
    steps: tuple[Step, ...] = ()
    inspect_timeout_s: float = 15.0
    use_original_dst: bool = False
    """Hand the connection to the listener of its original destination, if there is one."""
    read_original_dst: bool = False
    buffer_bytes: int = WRITE_BYTES_HIGH
    """Unsent bytes of a connection above which its other side is not read."""


class ConnectionTotal:
    """Connections of all listeners, from accept to close, and how many there may be (None = any number)."""

    __slots__ = ("count", "maximum")

    def __init__(self) -> None:
        self.count = 0
        self.maximum: int | None = None

    @property
    def full(self) -> bool:
        return self.maximum is not None and self.count >= self.maximum


class ListenerStats:
    __slots__ = ("cx_active", "cx_global_overflow", "cx_total", "handshake_error", "no_chain")

    def __init__(self, stats: Stats, address: str) -> None:
        prefix = f"listener.{address.replace(':', '_')}."
        self.cx_total = stats.counter(prefix + "downstream_cx_total")
        self.cx_active = stats.gauge(prefix + "downstream_cx_active")
        self.cx_global_overflow = stats.counter(prefix + "downstream_global_cx_overflow")
        self.no_chain = stats.counter(prefix + "no_filter_chain_match")
        self.handshake_error = stats.counter(prefix + "ssl.connection_error")


class Listener:
    """`find` looks for the listener of an original destination; None = this one serves it."""

    def __init__(
        self,
        name: str,
        dispatcher: Dispatcher,
        rules: Rules,
        *,
        stats: ListenerStats,
        total: ConnectionTotal,
        find: Callable[[Endpoint], Listener | None] = lambda _: None,
    ) -> None:
        self.name = name
        self.rules = rules
        self.stats = stats
        self._total = total
        self._dispatcher = dispatcher
        self._find = find
        self._sock: socket.socket | None = None
        self.address: Endpoint | None = None

    def open(self, sock: socket.socket, *, accepting: bool = True) -> None:
        """Take `sock`, which listens already; connections wait in its queue until `accept`."""
        sock.setblocking(False)
        self._sock = sock
        self.address = local_endpoint(sock)
        if accepting:
            self.accept()

    def accept(self) -> None:
        if self._sock is not None:
            self._dispatcher.loop.add_reader(self._sock.fileno(), self._acceptable)

    def _acceptable(self) -> None:
        sock = self._sock
        for _ in range(ACCEPTS_PER_TURN_MAX):
            if sock is None or self._sock is not sock:
                return
            try:
                accepted, name = sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as failure:
                self._accept_failed(failure)
                return
            if self._total.full:
                # Closed at once rather than left in the queue: a client that waits cannot go elsewhere.
                self.stats.cx_global_overflow.value += 1
                accepted.close()
            else:
                self._take(accepted, name)

    def _accept_failed(self, failure: OSError) -> None:
        log.warning("listener %s cannot accept: %s", self.name, failure)
        if failure.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM) and self._sock is not None:
            descriptor = self._sock.fileno()
            self._dispatcher.loop.remove_reader(descriptor)
            self._dispatcher.loop.call_later(ACCEPT_PAUSE_S, self._resume, descriptor)

    def _resume(self, descriptor: int) -> None:
        if self._sock is not None and self._sock.fileno() == descriptor:
            self._dispatcher.loop.add_reader(descriptor, self._acceptable)

    def _take(self, sock: socket.socket, name: object) -> None:
        sock.setblocking(False)
        pipe = sock.family == socket.AF_UNIX
        if not pipe:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted = Accepted(next(_identifiers), self.name, endpoint_of(name), local_endpoint(sock))
        listener = self
        rules = self.rules
        if not pipe and (rules.use_original_dst or rules.read_original_dst):
            destination = original_destination(sock)
            if destination is not None and destination != accepted.local:
                accepted.redirect(accepted.remote, destination)
                if rules.use_original_dst:
                    listener = self._find(destination) or self
                    accepted.listener = listener.name
        listener.begin(sock, accepted)

    def begin(self, sock: socket.socket, accepted: Accepted) -> None:
        """A connection that is this listener's."""
        self.stats.cx_total.value += 1
        self.stats.cx_active.value += 1
        self._total.count += 1
        rules = self.rules
        if not rules.steps:
            self._choose(sock, accepted, rules)
            return

        def inspected(good: bool) -> None:
            if good:
                self._choose(sock, accepted, rules)
            else:
                self._drop(sock)

        Inspection(
            self._dispatcher, sock, accepted, steps=rules.steps, timeout_s=rules.inspect_timeout_s, done=inspected
        ).run()

    def _choose(self, sock: socket.socket, accepted: Accepted, rules: Rules) -> None:
        local = accepted.local
        chain = rules.chains.find(
            Facts(local.port, local.host, accepted.server_name, accepted.transport, accepted.protocols)
        )
        if chain is None:
            self.stats.no_chain.value += 1
            self._drop(sock)
        elif chain.tls is None:
            self._serve(chain, sock, accepted)
        else:
            self._handshake(chain, chain.tls, sock, accepted)

    def _handshake(self, chain: Chain, tls: TlsContext, sock: socket.socket, accepted: Accepted) -> None:
        def done(secured: ssl.SSLSocket | None) -> None:
            if secured is None:
                self.stats.handshake_error.value += 1
                self._ended()
                return
            accepted.tls = True
            accepted.tls_version = secured.version() or ""
            accepted.alpn = secured.selected_alpn_protocol() or ""
            accepted.names = peer_names(secured)
            accepted.local_uri = tls.local_uri
            refused = tls.verify(secured)
            if refused:
                self.stats.handshake_error.value += 1
                self._drop(secured)
            else:
                self._serve(chain, secured, accepted)

        Handshake(self._dispatcher, tls, sock, timeout_s=chain.handshake_timeout_s, done=done).start()

    def _serve(self, chain: Chain, sock: socket.socket, accepted: Accepted) -> None:
        connection = Connection(self._dispatcher, sock)
        connection.limit(self.rules.buffer_bytes)
        connection.ended = self._ended
        chain.serve(connection, accepted)
        if not connection.closed:
            connection.start()

    def _drop(self, sock: socket.socket) -> None:
        """Close a connection that never came to be served."""
        sock.close()
        self._ended()

    def _ended(self) -> None:
        self.stats.cx_active.value -= 1
        self._total.count -= 1

    def close(self) -> socket.socket | None:
        """Stop accepting; gives the socket back for the caller to close or keep."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self._dispatcher.loop.remove_reader(sock.fileno())
        return sock


class Handshake:
    """The server's side of one TLS handshake; `done(None)` = it failed and the socket is closed."""

    __slots__ = ("_dispatcher", "_done", "_over", "_sock", "_timer", "_tls", "_watching")

    def __init__(
        self,
        dispatcher: Dispatcher,
        tls: TlsContext,
        sock: socket.socket,
        *,
        timeout_s: float,
        done: Callable[[ssl.SSLSocket | None], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._tls = tls
        self._sock = sock
        self._done = done
        self._watching = False
        self._over = False
        self._timer = dispatcher.timer(self._fail)
        self._timer.start(timeout_s or HANDSHAKE_TIMEOUT_S)

    def start(self) -> None:
        context = self._tls()
        if context is None:
            self._fail()
            return
        try:
            self._sock = context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
        except (OSError, ValueError):
            self._fail()
            return
        self._go()

    def _go(self) -> None:
        assert isinstance(self._sock, ssl.SSLSocket)
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            if not self._watching:
                self._watching = True
                self._dispatcher.loop.add_reader(self._sock.fileno(), self._go)
            return
        except ssl.SSLWantWriteError:
            self._dispatcher.loop.call_later(ACCEPT_PAUSE_S / 10, self._go)
            return
        except (OSError, ValueError) as failure:
            log.debug("handshake failed: %s", failure)
            self._fail()
            return
        self._over = True
        self._stop()
        self._done(self._sock)

    def _stop(self) -> None:
        self._timer.stop()
        if self._watching:
            self._watching = False
            self._dispatcher.loop.remove_reader(self._sock.fileno())

    def _fail(self) -> None:
        if self._over:
            return
        self._over = True
        self._stop()
        self._sock.close()
        self._done(None)
