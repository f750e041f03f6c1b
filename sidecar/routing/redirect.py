"""Answers that a route gives by itself: redirects (Location as Envoy builds it) and direct responses."""

from __future__ import annotations

from sidecar.config.refusal import Refused
from sidecar.config.route_action import DirectResponseAction, RedirectAction
from sidecar.config.route_match import RouteMatch
from sidecar.protocol.message import RequestHead
from sidecar.routing.hosts import without_port
from sidecar.routing.rewrite import path_rewrite

STATUS = {
    "MOVED_PERMANENTLY": 301,
    "FOUND": 302,
    "SEE_OTHER": 303,
    "TEMPORARY_REDIRECT": 307,
    "PERMANENT_REDIRECT": 308,
}
DEFAULT_PORTS = {b"http": b"80", b"https": b"443"}


class Redirect:
    """`status`, and the Location for a request."""

    __slots__ = ("_action", "_rewrite", "status")

    def __init__(self, match: RouteMatch, action: RedirectAction) -> None:
        """Raises `Refused`."""
        self._action = action
        self._rewrite = path_rewrite(match, action)
        self.status = STATUS[action.response_code]

    def location(self, head: RequestHead) -> bytes:
        action = self._action
        scheme = b"https" if action.https_redirect else action.scheme_redirect.lower().encode() or head.scheme
        port = b":%d" % action.port_redirect if action.port_redirect else b""
        host = action.host_redirect.encode() or self._host(head, scheme)
        return b"%s://%s%s%s" % (scheme, host, port, self._path(head))

    def _host(self, head: RequestHead, scheme: bytes) -> bytes:
        """The caller's host. Its port goes when another is set, or when it was the default of the scheme left."""
        bare = without_port(head.authority)
        port = head.authority[len(bare) + 1 :]
        if not port:
            return head.authority
        stale = scheme != head.scheme and DEFAULT_PORTS.get(head.scheme) == port
        return bare if self._action.port_redirect or stale else head.authority

    def _path(self, head: RequestHead) -> bytes:
        action = self._action
        _, mark, query = head.path.partition(b"?")
        if action.path_redirect:
            path = action.path_redirect.encode()
            if action.strip_query or b"?" in path:
                return path
            return path + mark + query
        path = self._rewrite(head.path) if self._rewrite is not None else head.path
        return path.partition(b"?")[0] if action.strip_query else path


class DirectResponse:
    """A fixed answer. `body` is plain text unless the route's response headers say otherwise."""

    __slots__ = ("body", "status")

    def __init__(self, action: DirectResponseAction, *, body_bytes_max: int) -> None:
        """Raises `Refused` for a body over the configuration's bound."""
        self.status = action.status
        self.body = (action.body.inline or b"") if action.body is not None else b""
        if len(self.body) > body_bytes_max:
            raise Refused(f"{len(self.body)} bytes are more than the {body_bytes_max} allowed", "body")
