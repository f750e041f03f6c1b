"""Netlink messages, just enough to configure a pod's network: a link, an address, a route, a batch of nftables.

Raw messages instead of a library: a pod needs eight of them, they cost under a millisecond, and the process that
sends them is forked from one that must never have run an event loop. Layouts: rtnetlink(7), nfnetlink and
nf_tables headers of the kernel's uapi.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Sequence

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12
NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_APPEND = 0x800
_NLMSG_ERROR = 2
_NLA_F_NESTED = 0x8000
_HEADER = struct.Struct("=IHHII")
_ANSWER_BYTES_MAX = 1 << 16
_ANSWER_TIMEOUT_S = 5.0

Value = bytes | str | Sequence["Attribute"]
Attribute = tuple[int, Value]
"""A type and its payload: bytes as they are, str NUL-terminated, a sequence of attributes nested."""


def attributes(items: Iterable[Attribute]) -> bytes:
    """Encode attributes, each padded to four bytes (struct nlattr)."""
    encoded = bytearray()
    for kind, value in items:
        if isinstance(value, str):
            payload, flag = value.encode() + b"\0", 0
        elif isinstance(value, bytes):
            payload, flag = value, 0
        else:
            payload, flag = attributes(value), _NLA_F_NESTED
        encoded += struct.pack("=HH", len(payload) + 4, kind | flag) + payload
        encoded += bytes(-len(encoded) % 4)
    return bytes(encoded)


class Netlink:
    """One netlink socket; each exchange waits for the kernel's acknowledgement of every message."""

    def __init__(self, family: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        self._socket.bind((0, 0))
        self._socket.settimeout(_ANSWER_TIMEOUT_S)
        self._sequence = 0

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def message(self, kind: int, flags: int, body: bytes) -> bytes:
        self._sequence += 1
        return _HEADER.pack(_HEADER.size + len(body), kind, flags | NLM_F_REQUEST, self._sequence, 0) + body

    def request(self, kind: int, body: bytes, *, flags: int = 0, what: str) -> None:
        """Send one message; raises `OSError` named after `what` when the kernel refuses."""
        self._socket.send(self.message(kind, flags | NLM_F_ACK, body))
        self._await_acknowledgements(1, what)

    def batch(self, messages: Sequence[bytes], *, acknowledged: int, what: str) -> None:
        """Send messages as one datagram, of which `acknowledged` asked for an answer."""
        self._socket.send(b"".join(messages))
        self._await_acknowledgements(acknowledged, what)

    def _await_acknowledgements(self, count: int, what: str) -> None:
        while count > 0:
            data = self._socket.recv(_ANSWER_BYTES_MAX)
            offset = 0
            while offset + _HEADER.size <= len(data):
                length, kind, _, _, _ = _HEADER.unpack_from(data, offset)
                if kind == _NLMSG_ERROR:
                    (negative,) = struct.unpack_from("=i", data, offset + _HEADER.size)
                    if negative:
                        raise OSError(-negative, f"netlink: {os.strerror(-negative)}", what)
                    count -= 1
                offset += (length + 3) & ~3
