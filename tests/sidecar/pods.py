"""A pod's sandbox as far as a proxy sees it: a shim whose sockets are on loopback instead of in a pod."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path


class LoopbackShim:
    """`ports` maps what was asked for (port, type) to where it really listens."""

    def __init__(self, directory: Path) -> None:
        self.ports: dict[tuple[int, str], int] = {}
        self._sockets: dict[tuple[int, str], socket.socket] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(directory / "shim.sock"))
        self._listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(channel,), daemon=True).start()

    def _serve(self, channel: socket.socket) -> None:
        while data := channel.recv(65536):
            message = json.loads(data)
            if message["verb"] == "socket":
                given = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            else:
                given = self._listen(message["port"], message["type"])
            socket.send_fds(channel, [b"{}"], [given.fileno()])

    def _listen(self, port: int, kind: str) -> socket.socket:
        key = (port, kind)
        if key not in self._sockets:
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM)
            made.bind(("127.0.0.1", 0))
            if kind == "stream":
                made.listen(16)
            self._sockets[key] = made
            self.ports[key] = made.getsockname()[1]
        return self._sockets[key]

    def close(self) -> None:
        self._listener.close()
        for one in self._sockets.values():
            one.close()
