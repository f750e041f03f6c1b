"""Spawned tasks are kept, named, and their failures logged."""

from __future__ import annotations

import asyncio

import pytest

from sidecar.net.tasks import spawn


async def test_failures_are_logged_by_name(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("broken")

    task = spawn(fail(), name="refresh")
    with pytest.raises(RuntimeError):
        await task
    await asyncio.sleep(0)
    assert "task refresh failed" in caplog.text
