"""Each work's configuration is one that we take whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.config.bootstrap import Bootstrap
from sidecar.config.parse import parse_bootstrap
from tests.bench.works import WORKS, Place


@pytest.mark.parametrize("name", WORKS)
def test_taken_whole(name: str, tmp_path: Path) -> None:
    made = WORKS[name].make(Place(1, 2, 3, tmp_path, "sidecar"))
    assert isinstance(parse_bootstrap(made), Bootstrap)
