"""One mesh for a whole session of integration tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.integration.meshes import Mesh, new_mesh


@pytest.fixture(scope="session")
def mesh() -> Iterator[Mesh]:
    """A mesh that is up; its tests share it, so they use namespaces or names of their own."""
    found = new_mesh()
    checked = found.run("check", check=False)
    if checked.returncode != 0:
        pytest.skip(f"this machine does not allow pods: {checked.stdout[-400:]}{checked.stderr[-400:]}")
    found.run("up", "--name", f"t{os.getpid()}", "--ingress-http-port", "0", "--ingress-https-port", "0")
    yield found
    found.run("down", check=False)
    shutil.rmtree(found.home.parent, ignore_errors=True)
