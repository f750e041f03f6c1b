"""Opening one connection upstream: socket, connect, PROXY header, TLS handshake; each step a callback.

The plan is made when configuration arrives, so that opening is only doing. A dial ends in exactly one call of
`done`: with a connected socket, or with a word saying what failed.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sidecar.net.addresses import Endpoint, endpoint_of, family_of
from sidecar.net.dispatcher import Dispatcher
from sidecar.net.sandbox import Shim
from sidecar.protocol import proxy_v2

SESSIONS_MAX = 64
"""Sessions kept for one server name, whatever max_session_keys says."""


class Sessions:
    """TLS sessions to resume, of one transport socket and one server name.

    They are dropped with the context they were made in, that is when a certificate or the trusted CA changes: nobody
    is let in again by a session that a new trust domain would not give."""

    __slots__ = ("_context", "_kept", "_most")

    def __init__(self, most: int) -> None:
        self._most = min(most, SESSIONS_MAX)
        self._context: ssl.SSLContext | None = None
        self._kept: deque[ssl.SSLSession] = deque(maxlen=self._most)

    def take(self, context: ssl.SSLContext) -> ssl.SSLSession | None:
        """One is used once where others are left (RFC 8446 C.4)."""
        if context is not self._context or not self._kept:
            return None
        return self._kept.pop() if len(self._kept) > 1 else self._kept[-1]

    def keep(self, sock: ssl.SSLSocket) -> None:
        if not self._most:
            return
        if sock.context is not self._context:
            self._context = sock.context
            self._kept.clear()
        session = sock.session
        if session is not None and session.has_ticket:
            self._kept.append(session)


class ClientTls(NamedTuple):
    """How to speak TLS to a host. `context` is asked for at each dial because certificates change while we run."""

    context: Callable[[], ssl.SSLContext | None]
    """None = its certificates have not arrived."""
    server_name: str = ""
    verify: Callable[[ssl.SSLSocket], str] = lambda _: ""
    """Judges the peer's certificate after the handshake: "" = accepted, else why not."""
    local_uri: Callable[[], str] = lambda: ""
    """URI of the certificate we show."""
    sessions: Sessions = Sessions(0)


class Plan(NamedTuple):
    target: Endpoint
    connect_timeout_s: float = 5.0
    prologue: bytes = b""
    """Sent before anything else: a PROXY header."""
    proxy: str = ""
    """V1 or V2: the header says who the client is, so that each client has connections of its own. A dial that has no
    `prologue` then speaks for itself."""
    tls: ClientTls | None = None
    shim: Shim | None = None
    """The socket must be one of this pod."""
    source: Endpoint | None = None
    options: tuple[tuple[int, int, int], ...] = ()
    """(level, option, value) to set on a TCP socket before it connects: keep-alive."""


class Dialled(NamedTuple):
    sock: socket.socket


class Failed(NamedTuple):
    """`timeout`: nothing answered in time. `reason` as Envoy's %UPSTREAM_TRANSPORT_FAILURE_REASON%."""

    reason: str
    timeout: bool = False


class Dial:
    """One attempt to connect; `cancel` makes it end silently."""

    __slots__ = (
        "_dispatcher",
        "_done",
        "_finished",
        "_introduced",
        "_plan",
        "_prologue",
        "_sock",
        "_timer",
        "_watching",
    )

    def __init__(self, dispatcher: Dispatcher, plan: Plan, done: Callable[[Dialled | Failed], None]) -> None:
        self._dispatcher = dispatcher
        self._plan = plan
        self._done = done
        self._sock: socket.socket | None = None
        self._watching = 0
        self._finished = False
        self._prologue = plan.prologue
        self._introduced = False
        self._timer = dispatcher.timer(self._timed_out)

    def start(self) -> None:
        self._timer.start(self._plan.connect_timeout_s)
        plan = self._plan
        if plan.shim is not None:
            plan.shim.ask(self._given)
            return
        family = socket.AF_UNIX if plan.target.is_pipe else family_of(plan.target.host)
        self._given(socket.socket(family, socket.SOCK_STREAM))

    def _given(self, sock: socket.socket | str) -> None:
        if isinstance(sock, str):
            self._fail(sock)
            return
        if self._finished:
            sock.close()
            return
        self._sock = sock
        sock.setblocking(False)
        target = self._plan.target
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for option in self._plan.options:
                sock.setsockopt(*option)
        try:
            if self._plan.source is not None and sock.family != socket.AF_UNIX and self._plan.shim is None:
                sock.bind(self._plan.source)
            code = sock.connect_ex(target.host if target.is_pipe else target)
        except OSError as failure:
            code = failure.errno or errno.EINVAL
        if code == 0:
            self._connected()
        elif code in (errno.EINPROGRESS, errno.EAGAIN) and not (code == errno.EAGAIN and target.is_pipe):
            self._wait(writing=True, then=self._connect_finished)
        else:  # EAGAIN of a UNIX socket: the listener's queue is full
            self._fail_with(code)

    def _wait(self, *, writing: bool, then: Callable[[], None]) -> None:
        assert self._sock is not None
        self._unwatch()
        descriptor = self._sock.fileno()
        self._watching = descriptor
        if writing:
            self._dispatcher.loop.add_writer(descriptor, then)
        else:
            self._dispatcher.loop.add_reader(descriptor, then)

    def _unwatch(self) -> None:
        if self._watching:
            self._dispatcher.loop.remove_writer(self._watching)
            self._dispatcher.loop.remove_reader(self._watching)
            self._watching = 0

    def _connect_finished(self) -> None:
        assert self._sock is not None
        self._unwatch()
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._fail_with(code)
        else:
            self._connected()

    def _connected(self) -> None:
        assert self._sock is not None
        if self._plan.proxy and not self._plan.prologue and not self._introduced:
            self._prologue = introduction(self._plan.proxy, self._sock)
        self._introduced = True
        while self._prologue:
            try:
                self._prologue = self._prologue[self._sock.send(self._prologue) :]
            except (BlockingIOError, InterruptedError):
                self._wait(writing=True, then=self._connected)
                return
            except OSError as failure:
                self._fail_with(failure.errno or 0)
                return
        tls = self._plan.tls
        if tls is None:
            self._succeed(self._sock)
            return
        context = tls.context()
        if context is None:
            self._fail("TLS_error:_Secret_is_not_supplied_by_SDS")
            return
        try:
            self._sock = context.wrap_socket(
                self._sock,
                do_handshake_on_connect=False,
                server_hostname=tls.server_name or None,
                session=tls.sessions.take(context),
            )
        except (OSError, ValueError) as failure:
            self._fail(f"TLS_error:{failure}".replace(" ", "_"))
            return
        self._handshake()

    def _handshake(self) -> None:
        sock, tls = self._sock, self._plan.tls
        assert isinstance(sock, ssl.SSLSocket)
        assert tls is not None
        self._unwatch()
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            self._wait(writing=False, then=self._handshake)
            return
        except ssl.SSLWantWriteError:
            self._wait(writing=True, then=self._handshake)
            return
        except (OSError, ValueError) as failure:
            self._fail(tls_failure(failure))
            return
        refused = tls.verify(sock)
        if refused:
            self._fail(refused)
        else:
            self._succeed(sock)

    def _succeed(self, sock: socket.socket) -> None:
        self._finish()
        self._done(Dialled(sock))

    def _fail_with(self, code: int) -> None:
        # Envoy says "delayed" when the failure came after connect() returned; it nearly always does.
        self._fail("delayed_connect_error:_" + os.strerror(code).replace(" ", "_"))

    def _fail(self, reason: str, *, timeout: bool = False) -> None:
        if self._finished:
            return
        self._finish()
        if self._sock is not None:
            self._sock.close()
        self._done(Failed(reason, timeout))

    def _timed_out(self) -> None:
        self._fail("", timeout=True)

    def cancel(self) -> None:
        if not self._finished:
            self._finish()
            if self._sock is not None:
                self._sock.close()

    def _finish(self) -> None:
        self._finished = True
        self._timer.stop()
        self._unwatch()


def introduction(version: str, sock: socket.socket) -> bytes:
    """The PROXY header of a connection that we make for ourselves, such as a health check: version 1 names our own end,
    version 2 says LOCAL (Envoy)."""
    if version == "V2":
        return proxy_v2.LOCAL
    if sock.family == socket.AF_UNIX:
        return proxy_v2.UNKNOWN_V1
    return proxy_v2.encode_v1(endpoint_of(sock.getsockname()), endpoint_of(sock.getpeername()))


def tls_failure(failure: Exception) -> str:
    """The reason of a failed handshake in Envoy's spelling, one word for logs."""
    if isinstance(failure, ssl.SSLError) and failure.reason:
        return f"TLS_error:|{failure.reason}"
    text = getattr(failure, "strerror", None) or str(failure)
    return f"TLS_error:_{text}".replace(" ", "_")
