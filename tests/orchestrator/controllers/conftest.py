"""Manifests for tests of controllers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mesh.kube.objects import Object


@pytest.fixture
def deployment() -> Callable[..., Object]:
    def make(name: str = "web", *, image: str = "web:1", replicas: int = 1, **spec: object) -> Object:
        template = {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "main", "image": image}]},
        }
        selector = {"matchLabels": {"app": name}}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"replicas": replicas, "selector": selector, "template": template, **spec},
        }

    return make
