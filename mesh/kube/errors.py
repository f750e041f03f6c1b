"""Failures of the Kubernetes API, as the Status object that the server sent.

Network failures are not translated: callers see the transport's own exceptions (`OSError`,
`aiohttp.ClientError`), because only a Status says what the server decided.
"""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """The server answered with a Status of failure.

    `code` is the HTTP status, `reason` Kubernetes' machine word (NotFound, Conflict, Invalid ...), `status`
    the whole Status object.
    """

    def __init__(self, code: int, reason: str, message: str, status: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.status = status or {}

    @property
    def not_found(self) -> bool:
        return self.code == 404

    @property
    def conflict(self) -> bool:
        return self.code == 409 and self.reason == "Conflict"

    @property
    def already_exists(self) -> bool:
        return self.code == 409 and self.reason == "AlreadyExists"

    @property
    def gone(self) -> bool:
        """The resourceVersion asked for is no longer in the window: list again."""
        return self.code == 410
