"""Merging into a user's kubeconfig touches our entries only, and taking them out restores the rest."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from mesh.cli import kubeconfig
from mesh.cli.output import Failure

OTHER = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "prod", "cluster": {"server": "https://prod"}}],
    "users": [{"name": "me", "user": {"token": "t"}}],
    "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "me"}}],
    "current-context": "prod",
    "preferences": {"colors": True},
}


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    source = tmp_path / "ours"
    source.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": "x", "user": {"client-key-data": "k"}}],
            }
        )
    )
    return source


def test_merge_into_nothing_makes_a_private_file(tmp_path: Path, ours: Path) -> None:
    target = tmp_path / "kube" / "config"
    kubeconfig.merge(target, ours, "pocketmesh")
    merged = yaml.safe_load(target.read_text())
    assert merged["current-context"] == "pocketmesh"
    assert merged["contexts"] == [{"name": "pocketmesh", "context": {"cluster": "pocketmesh", "user": "pocketmesh"}}]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_merge_twice_and_remove_leaves_the_others_as_they_were(tmp_path: Path, ours: Path) -> None:
    target = tmp_path / "config"
    target.write_text(yaml.safe_dump(OTHER))
    kubeconfig.merge(target, ours, "pocketmesh")
    kubeconfig.merge(target, ours, "pocketmesh")
    merged = yaml.safe_load(target.read_text())
    assert [entry["name"] for entry in merged["clusters"]] == ["prod", "pocketmesh"]
    kubeconfig.remove(target, "pocketmesh")
    assert yaml.safe_load(target.read_text()) == {**OTHER, "current-context": ""}
    assert not list(tmp_path.glob("config.*"))


def test_remove_keeps_a_context_chosen_since(tmp_path: Path) -> None:
    target = tmp_path / "config"
    target.write_text(yaml.safe_dump(OTHER))
    before = target.read_text()
    kubeconfig.remove(target, "pocketmesh")
    assert target.read_text() == before
    kubeconfig.remove(tmp_path / "absent", "pocketmesh")
    assert not (tmp_path / "absent").exists()


def test_a_broken_file_is_refused_and_kept(tmp_path: Path, ours: Path) -> None:
    target = tmp_path / "config"
    target.write_text("{broken")
    with pytest.raises(Failure, match="not YAML"):
        kubeconfig.merge(target, ours, "pocketmesh")
    assert target.read_text() == "{broken"
    assert not (tmp_path / "config.lock").exists()


def test_a_held_lock_is_respected(tmp_path: Path, ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "LOCK_WAIT_S", 0.01)
    (tmp_path / "config.lock").touch()
    with pytest.raises(Failure, match="held by another"):
        kubeconfig.merge(tmp_path / "config", ours, "pocketmesh")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [("/a/config:/b/config", "/a/config"), (":/b/config", "/b/config"), ("", "/home/someone/.kube/config")],
)
def test_which_file(environment: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", environment)
    monkeypatch.setenv("HOME", "/home/someone")
    assert kubeconfig.user_kubeconfig(None) == Path(expected)
    assert kubeconfig.user_kubeconfig(Path("/chosen")) == Path("/chosen")
