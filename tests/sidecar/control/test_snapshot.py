"""The file is whole, private, and used only by the node that wrote it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sidecar.control.snapshot import FILE_NAME, Snapshot
from sidecar.control.subscriptions import CLUSTER, LISTENER, SECRET, Entry, Subscriptions


def written(directory: Path) -> Snapshot:
    subscriptions = Subscriptions({})
    subscriptions.hold(LISTENER, Entry("l", msgspec.Raw(b'{"name":"l"}'), "2"))
    subscriptions.hold(CLUSTER, Entry("c", msgspec.Raw(b'{"name":"c"}'), "1"))
    subscriptions.hold(SECRET, Entry("s", msgspec.Raw(b'{"private_key":"x"}'), "1"))
    snapshot = Snapshot(directory, "node")
    snapshot.follow(subscriptions)
    snapshot.save()
    return snapshot


def test_round_trip(tmp_path: Path) -> None:
    snapshot = written(tmp_path)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert "private_key" not in (tmp_path / FILE_NAME).read_text()
    loaded = snapshot.load()
    assert [response.type_url for response in loaded] == [CLUSTER, LISTENER]
    assert bytes(loaded[0].resources[0].resource) == b'{"name":"c"}'
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"node": 1}', "\x00\xff"])
def test_what_cannot_be_read_is_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    assert Snapshot(tmp_path, "node").load() == []


def test_another_node(tmp_path: Path) -> None:
    written(tmp_path)
    assert Snapshot(tmp_path, "other").load() == []
    assert Snapshot(tmp_path / "missing", "node").load() == []
