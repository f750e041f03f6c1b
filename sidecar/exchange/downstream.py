"""What an exchange sees of its client: one request and its response, whatever protocol carries them."""

from __future__ import annotations

from typing import Protocol

from sidecar.exchange.known_answer import KnownAnswer
from sidecar.net.accepted import Accepted
from sidecar.net.timers import Timer
from sidecar.protocol.message import Field, Headers, ResponseHead


class Downstream(Protocol):
    """A stream: the side that carries the response."""

    accepted: Accepted
    timer: Timer
    """The exchange's; its `on_timer` is called."""

    def respond(self, head: ResponseHead, body: bytes, end: bool) -> None: ...
    def respond_known(self, answer: KnownAnswer, service_time: Field, date: Field, body: bytes) -> None:
        """A whole response whose head came before; `date` is empty where the answer has its own."""

    def respond_upgrade(self, head: ResponseHead, upgrade: bytes) -> None:
        """From here on bytes go through as they are."""

    def answer_and_close(self, head: ResponseHead, body: bytes) -> None:
        """To a request that could not be read."""

    def send_body(self, data: bytes, end: bool, trailers: Headers | None = None) -> None: ...
    def send_continue(self) -> None: ...
    def close_after(self) -> None:
        """The response about to be sent is the last one, where a connection carries one at a time."""

    def cut(self) -> None:
        """The response cannot be completed: the client must see a failure, never a clean end."""

    def end_tunnel(self) -> None:
        """The upgraded connection is over."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class DownstreamConnection(Protocol):
    def drain(self) -> None:
        """No request after those under way."""

    def connection_lost(self, reason: str) -> None: ...
