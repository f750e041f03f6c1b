"""The store: names, versions, watchers."""

from __future__ import annotations

from sidecar.net.secrets import Secret, SecretStore


def test_changes_are_told() -> None:
    store, told = SecretStore(), list[str]()
    store.watch(told.append)
    store.set("default", Secret(certificate_chain=b"x"))
    version = store.version
    store.set("default", Secret(certificate_chain=b"y"))
    assert store.version > version
    assert store.get("default") == Secret(certificate_chain=b"y")
    store.remove("default")
    store.remove("default")
    assert store.get("default") is None
    assert told == ["default"] * 3
    store.set("b", Secret())
    store.set("a", Secret())
    assert store.names() == ("a", "b")
