"""Background tasks report their failures."""

from __future__ import annotations

import asyncio

import pytest

from mesh.kube.tasks import spawn


async def test_failures_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("broken")

    task = spawn(fail(), name="doomed")
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert "doomed" in caplog.text
    assert "broken" in caplog.text


async def test_cancelling_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    task = spawn(asyncio.sleep(60), name="slow")
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert not caplog.text
