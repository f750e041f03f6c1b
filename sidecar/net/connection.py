"""One stream of bytes, TCP or UNIX, plain or TLS: non-blocking socket, bounded buffers, half-close.

The socket is watched directly (`add_reader`): for TLS that is cheaper than the loop's own protocol stack, and it lets
us look at a connection before deciding what it is. A handler is told of data, end of data and loss; nothing is called
after `close` or `abort`.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Protocol

from sidecar.net.dispatcher import READ_BYTES_MAX, Dispatcher

WRITE_BYTES_HIGH = 256 * 1024
"""Unsent bytes above which the handler is asked to stop writing (Envoy's soft limit is 1 MiB)."""
WRITE_BYTES_LOW = 64 * 1024
JOINED_BYTES_MAX = 16 * 1024
"""What is queued is joined for one system call up to here: a TLS record's size."""
LINGER_S = 1.0
"""Envoy's delayed_close_timeout: how long a closing side waits for the peer to read and close."""
CLOSE_S = 60.0
"""How long a peer that reads slowly may take for what was queued when we closed."""

_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Handler(Protocol):
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> None:
        """The peer writes no more; we still may."""

    def connection_lost(self, reason: str) -> None:
        """Reset or failed. Not called after our own `close` or `abort`."""

    def writing_paused(self) -> None: ...
    def writing_resumed(self) -> None: ...


class Connection:
    __slots__ = (
        "_dirty",
        "_eof_wanted",
        "_fd",
        "_high",
        "_linger",
        "_low",
        "_out",
        "_paused_by_peer",
        "_reading",
        "_recv_into",
        "_send",
        "_tls",
        "_writer",
        "bytes_read",
        "bytes_written",
        "closed",
        "closing",
        "dispatcher",
        "ended",
        "eof",
        "handler",
        "out_bytes",
        "sock",
    )

    def __init__(self, dispatcher: Dispatcher, sock: socket.socket, handler: Handler | None = None) -> None:
        self.dispatcher = dispatcher
        self.sock = sock
        self.handler = handler
        self.ended: Callable[[], None] | None = None
        """Told once when the socket is closed, by whomever."""
        self._fd = sock.fileno()
        self._tls = tls = _tls_object(sock)
        self._recv_into = sock.recv_into if tls is None else partial(tls.read, READ_BYTES_MAX)
        self._send = sock.send if tls is None else tls.write
        self._high = WRITE_BYTES_HIGH
        self._low = WRITE_BYTES_LOW
        self._out: list[bytes | memoryview] = []
        self.out_bytes = 0
        self._dirty = False
        self._writer = False
        self._paused_by_peer = False
        self._reading = False
        self._eof_wanted = False
        self._linger = False
        self.eof = False
        self.closing = False
        self.closed = False
        self.bytes_read = 0
        self.bytes_written = 0

    def limit(self, buffer_bytes: int) -> None:
        """per_connection_buffer_limit_bytes; a larger one than ours, or 0 (none), leaves ours: memory stays bounded."""
        if 0 < buffer_bytes < WRITE_BYTES_HIGH:
            self._high = buffer_bytes
            self._low = buffer_bytes // 2

    def start(self) -> None:
        """Begin reading. Separate from the constructor so that the owner is complete before data can arrive."""
        self._reading = True
        self.dispatcher.loop.add_reader(self._fd, self._readable)
        if self._tls is not None and self._tls.pending():
            self.dispatcher.loop.call_soon(self._readable)

    # Reading

    def pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            self.dispatcher.loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        if not self._reading and not self.eof and not self.closed:
            self.start()

    def _readable(self) -> None:
        if not self._reading:
            return
        dispatcher = self.dispatcher
        try:
            size = self._recv_into(dispatcher.buffer)
        except _NOT_NOW:
            if self._tls is not None and self._out:
                self.flush()
            return
        except ssl.SSLEOFError:
            size = 0  # the peer ended without close_notify, as most do; framing tells whether something is missing
        except OSError as failure:
            self._lost(_reason(failure))
            return
        if size:
            self.bytes_read += size
            if not self._linger:
                assert self.handler is not None
                self.handler.data_received(bytes(dispatcher.buffer[:size]))
            if self._tls is not None and self._reading and self._tls.pending():
                dispatcher.loop.call_soon(self._readable)
        else:
            self._end_of_data()

    def _end_of_data(self) -> None:
        self.eof = True
        self.pause_reading()
        if self._linger:
            self._destroy()
        else:
            assert self.handler is not None
            self.handler.eof_received()

    # Writing

    def write(self, data: bytes) -> None:
        """Queue bytes for the end of this turn. Never blocks; watch `writing_paused` to stay bounded."""
        if self.closing or not data:
            return
        self._out.append(data)
        self.out_bytes += len(data)
        if not self._dirty and not self._writer:
            self._dirty = True
            self.dispatcher.written(self)
        if self.out_bytes > self._high and not self._paused_by_peer:
            self._paused_by_peer = True
            if self.handler is not None:
                self.handler.writing_paused()

    def flush(self) -> None:
        self._dirty = False
        if self.closed or (self._out and not self._send_queued()):
            return
        if self._writer:
            self._writer = False
            self.dispatcher.loop.remove_writer(self._fd)
        self._drained()
        if self._eof_wanted:
            self._shut_down_writing()
        if self.closing and not self.out_bytes:
            self._finish_close()

    def _send_queued(self) -> bool:
        """False = the peer takes no more for now, or is gone. Small pieces are sent as one, large ones not copied."""
        out = self._out
        while out:
            if len(out) > 1 and self.out_bytes <= JOINED_BYTES_MAX:
                out[:] = [b"".join(out)]
            data = out[0]
            try:
                sent = self._send(data)
            except _NOT_NOW:
                sent = 0
            except OSError as failure:
                self._lost(_reason(failure))
                return False
            self.bytes_written += sent
            self.out_bytes -= sent
            if sent == len(data):
                del out[0]
                continue
            if sent:
                out[0] = memoryview(data)[sent:]
            if self._tls is None or not sent:  # OpenSSL takes one record at a time, however much room there is
                self._watch_writable()
                self._drained()
                return False
        return True

    def _watch_writable(self) -> None:
        if self.closing and not self._writer:
            self.dispatcher.loop.call_later(CLOSE_S, self._destroy)
        if not self._writer:
            self._writer = True
            self.dispatcher.loop.add_writer(self._fd, self.flush)

    def _drained(self) -> None:
        if self._paused_by_peer and self.out_bytes <= self._low:
            self._paused_by_peer = False
            if self.handler is not None and not self.closing:
                self.handler.writing_resumed()

    def write_eof(self) -> None:
        """No more bytes from us; the peer may go on."""
        if self.closing or self._eof_wanted:
            return
        self._eof_wanted = True
        if not self._out and not self._dirty:
            self._shut_down_writing()

    def _shut_down_writing(self) -> None:
        """Half-close. Under TLS without close_notify: OpenSSL's shutdown, as Python wraps it, also reads, and would
        throw away what the peer is still sending."""
        self._eof_wanted = False
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_WR)

    def _close_notify(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            assert self._tls is not None
            self._tls.shutdown()  # SSLSocket.unwrap() would wait for the peer's

    # Ending

    def close(self, *, linger: bool = False, linger_s: float = LINGER_S) -> None:
        """Send what is queued, then close. `linger`: let the peer read our last words first (half-close and wait
        `linger_s`), because closing with unread input resets the connection and may destroy the answer."""
        if self.closing:
            return
        self.closing = True
        self._linger = linger and linger_s > 0 and not self.eof
        if not self._linger:
            self.pause_reading()
        if not self._out:
            self._finish_close()
        elif not self._dirty and not self._writer:
            self._dirty = True
            self.dispatcher.written(self)
        if self._linger:
            self.dispatcher.loop.call_later(linger_s, self._destroy)

    def _finish_close(self) -> None:
        if self._tls is not None:
            self._close_notify()
        if self._linger:
            self._shut_down_writing()
            self.resume_reading()
        else:
            self._destroy()

    def abort(self, *, reset: bool = False) -> None:
        """Close at once and drop what is queued. `reset`: the peer sees a failure and not an end."""
        if self.closed:
            return
        self.closing = True
        if reset and self.sock.family != socket.AF_UNIX:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._destroy()

    def _lost(self, reason: str) -> None:
        was_closing = self.closing
        self._destroy()
        if not was_closing and self.handler is not None:
            self.handler.connection_lost(reason)

    def _destroy(self) -> None:
        if self.closed:
            return
        self.closed = self.closing = True
        self.pause_reading()
        if self._writer:
            self._writer = False
            self.dispatcher.loop.remove_writer(self._fd)
        self._out = []
        self.out_bytes = 0
        self.sock.close()
        if self.ended is not None:
            self.ended()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "closing" if self.closing else "open"
        return f"<Connection fd={self._fd} {state} read={self.bytes_read} written={self.bytes_written}>"


_RESET = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # struct linger {1, 0}


class _TlsObject(Protocol):
    """What SSLSocket wraps. Its own methods of these names cost two more calls each, on every read and write."""

    def read(self, size: int, buffer: memoryview, /) -> int: ...
    def write(self, data: bytes | memoryview, /) -> int: ...
    def pending(self) -> int: ...
    def shutdown(self) -> object: ...


def _tls_object(sock: socket.socket) -> _TlsObject | None:
    return sock._sslobj if isinstance(sock, ssl.SSLSocket) else None  # type: ignore[attr-defined]


def _reason(failure: OSError) -> str:
    if isinstance(failure, ssl.SSLError):
        return f"TLS_error:{failure.reason or failure}"
    return (failure.strerror or str(failure)).replace(" ", "_")
