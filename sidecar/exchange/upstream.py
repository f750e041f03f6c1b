"""What an attempt sees of its upstream: one request and its response, whatever protocol carries them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sidecar.net.san import PeerNames
from sidecar.protocol.message import Headers

if TYPE_CHECKING:
    from sidecar.exchange.http1_client import Consumer


class Upstream(Protocol):
    http2: bool
    """`send` wants a header block, and not lines."""
    consumer: Any
    """Whose request it is; None = nobody's (any more)."""
    local: str
    local_uri: str
    names: PeerNames

    @property
    def reused(self) -> bool: ...
    @property
    def silent(self) -> bool:
        """Nothing of the response has come."""

    def send(
        self, consumer: Consumer, head: bytes, method: bytes, *, end: bool, chunked: bool, upgrade: bytes = b""
    ) -> None: ...
    def send_body(self, data: bytes, end: bool, trailers: Headers | None = None) -> None: ...
    def abandon(self) -> None:
        """The consumer wants no more of this response."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def send_tunnel(self, data: bytes, end: bool) -> None: ...
    def end_tunnel(self) -> None: ...
