"""An object in words: nothing secret, nothing internal, its events at the end."""

from __future__ import annotations

import pytest

from mesh.cli.describe import words
from mesh.kube.kinds import DEPLOYMENT, SECRET
from tests.mesh.cli.conftest import Cli


def test_words() -> None:
    obj = {
        "metadata": {"name": "web", "uid": "u", "labels": {"app.kubernetes.io/name": "web"}},
        "spec": {"replicas": 2, "paused": False, "template": {"spec": {"containers": [{"name": "a", "image": "b"}]}}},
    }
    events = [{"type": "Normal", "reason": "ScalingReplicaSet", "message": "up", "count": 3}]
    text = "\n".join(words(DEPLOYMENT, obj, events))
    assert "app.kubernetes.io/name:  web" in text
    assert "Paused:  false" in text
    assert "- Name:  a" in text
    assert "uid" not in text.lower().split("events")[0].replace("events", "")
    assert "x3" in text


def test_secrets_are_not_shown() -> None:
    text = "\n".join(words(SECRET, {"metadata": {"name": "s"}, "data": {"password": "aHVudGVyMg=="}}, []))
    assert "aHVudGVyMg" not in text
    assert "12 characters" in text
    assert text.endswith("Events:  <none>")


@pytest.mark.parametrize("word", ["ns", "namespace"])
async def test_describe(cli: Cli, word: str) -> None:
    found = await cli("describe", word, "default")
    assert found.code == 0
    assert "Kind:  Namespace (v1)" in found.out
    assert (await cli("describe", word, "absent")).code == 1
