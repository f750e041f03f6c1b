"""What callers ask of an ApiError."""

from __future__ import annotations

import pytest

from mesh.kube.errors import ApiError


@pytest.mark.parametrize(
    ("code", "reason", "true"),
    [
        (404, "NotFound", "not_found"),
        (409, "Conflict", "conflict"),
        (409, "AlreadyExists", "already_exists"),
        (410, "Expired", "gone"),
        (403, "Forbidden", ""),
    ],
)
def test_kinds_of_failure(code: int, reason: str, true: str) -> None:
    failure = ApiError(code, reason, "text")
    found = [name for name in ("not_found", "conflict", "already_exists", "gone") if getattr(failure, name)]
    assert found == ([true] if true else [])
    assert str(failure) == "text"
    assert failure.status == {}
