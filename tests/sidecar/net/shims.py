"""A shim as the proxy sees it: SOCK_SEQPACKET, JSON, descriptors."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path


class FakeShim:
    """Answers `listen` and `socket` with sockets of this host's own network."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.verbs: list[dict[str, object]] = []
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.bind(self.path)
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                channel, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(channel,), daemon=True).start()

    def _serve(self, channel: socket.socket) -> None:
        with channel, contextlib.suppress(OSError):
            while data := channel.recv(65536):
                message = json.loads(data)
                self.verbs.append(message)
                if message["verb"] == "listen" and message["port"] != 1:
                    with socket.create_server((message["address"], message["port"])) as given:
                        socket.send_fds(channel, [b"{}"], [given.fileno()])
                elif message["verb"] == "socket":
                    with socket.socket() as given:
                        socket.send_fds(channel, [b"{}"], [given.fileno()])
                else:
                    channel.send(b'{"error":"not here"}')

    def close(self) -> None:
        self._server.close()
