"""The client's vocabulary."""

from __future__ import annotations

from mesh.kube.client import PATCH_CONTENT_TYPES, ObjectList, WatchEvent
from mesh.kube.http import HttpClient
from orchestrator.api.local import LocalClient


def test_patch_types_are_those_of_the_api() -> None:
    assert PATCH_CONTENT_TYPES["strategic"] == "application/strategic-merge-patch+json"
    assert len(set(PATCH_CONTENT_TYPES.values())) == 4


def test_both_clients_have_every_verb() -> None:
    from mesh.kube.client import Client

    verbs = {name for name in vars(Client) if not name.startswith("_")}
    assert verbs >= {"get", "list", "create", "update", "patch", "delete", "watch", "stream", "close"}
    for client in (HttpClient, LocalClient):
        assert verbs <= set(dir(client))
    assert ObjectList([], "1").continue_token == ""
    assert WatchEvent("ADDED", {}).type == "ADDED"
