"""What is installed makes sense to the readers it is for."""

from __future__ import annotations

import yaml

from mesh.install import manifests
from mesh.istio.mesh_config import MeshConfig, mesh_config


def test_the_installed_mesh_config_is_istios_defaults_and_raises_no_warning() -> None:
    installed = manifests.mesh_config()["data"]["mesh"]
    assert mesh_config(yaml.safe_load(installed)) == MeshConfig()


def test_everything_is_in_istio_system() -> None:
    objects = [*manifests.service_accounts(), manifests.mesh_config(), manifests.control_plane_service()]
    assert {one["metadata"]["namespace"] for one in objects} == {"istio-system"}
    assert [one["metadata"]["name"] for one in manifests.service_accounts()] == [
        "istiod",
        "istio-ingressgateway",
        "mesh-cli",
    ]
