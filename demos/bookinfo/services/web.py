"""What the four services share: a small HTTP/1.1 server, calls that carry the trace on, and who we are.

Only the standard library, so that the same files run in any container with a Python in it.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

VERSION = os.environ.get("SERVICE_VERSION", "v1")
PORT = int(os.environ.get("PORT", "9080"))
CALL_TIMEOUT_S = 10.0

# A sidecar cannot know which incoming request an outgoing one belongs to: the application has to pass these on.
FORWARDED = (
    "x-request-id", "traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid",
    "x-b3-sampled", "x-b3-flags", "x-ot-span-context", "end-user", "user-agent", "cookie",
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    path: str
    headers: Mapping[str, str]

    def forwarded(self) -> dict[str, str]:
        return {name: value for name in FORWARDED if (value := self.headers.get(name))}


@dataclass(frozen=True)
class Response:
    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Response]


def pod_name() -> str:
    return os.environ.get("POD_NAME") or socket.gethostname()


def reply(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value).encode(), status)


def call(url: str, request: Request) -> tuple[int, Any]:
    """GET JSON from another service: its status and value, or 503 and the reason when it cannot be reached."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=CALL_TIMEOUT_S)
    try:
        connection.request("GET", target.path, headers=request.forwarded())
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body.startswith((b"{", b"[")) else body.decode(errors="replace")
    except (OSError, http.client.HTTPException) as failure:
        return 503, f"{type(failure).__name__}: {failure}"
    finally:
        connection.close()


def serve(routes: Mapping[str, Handler]) -> None:
    """Answer GET on each path of `routes` (a trailing `*` is a prefix) until SIGTERM, then finish what is open."""

    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            handler = routes.get(path) or next(
                (found for route, found in routes.items() if route.endswith("*") and path.startswith(route[:-1])), None
            )
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = handler(Request(path, headers)) if handler else reply({"error": "not found"}, 404)
            self._send(answer)

        def _send(self, answer: Response) -> None:
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            self.send_header("content-length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class named it)
            sys.stderr.write(f"{self.command} {self.path} {args[1] if len(args) > 1 else ''}\n")

    class _Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = _Server(("", PORT), _Handler)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    sys.stderr.write(f"{VERSION} listening on {PORT}\n")
    server.serve_forever(poll_interval=0.1)
