"""From manifests to what the runtime is asked: tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.images import Image, ImageError, Images
from orchestrator.kubelet.containers import Container, Role
from orchestrator.kubelet.pod_launch import launch_of, sandbox_spec, uses_proxy
from orchestrator.kubelet.volumes import PodVolumes
from orchestrator.layout import Layout
from orchestrator.runtimes.base import Dns

SEARCHES = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web-1", "namespace": "shop", "uid": "u"}, "spec": spec}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "home", tmp_path / "run")


@pytest.mark.parametrize(
    ("spec", "dns"),
    [
        ({}, Dns(("10.96.0.10",), SEARCHES, ("ndots:5",))),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"]}}, Dns(("1.1.1.1",), (), ())),
        (
            {"dnsConfig": {"searches": ["x"], "options": [{"name": "ndots", "value": "1"}, {"name": "debug"}]}},
            Dns(("10.96.0.10",), (*SEARCHES, "x"), ("ndots:1", "debug")),
        ),
    ],
)
def test_dns(spec: dict[str, Any], dns: Dns, layout: Layout) -> None:
    assert sandbox_spec(pod(**spec), "10.244.0.2", layout).dns == dns


def test_names(layout: Layout) -> None:
    plain = sandbox_spec(pod(), "10.244.0.2", layout)
    assert (plain.hostname, plain.fqdn, plain.ip, plain.host_network) == ("web-1", "", "10.244.0.2", False)
    named = sandbox_spec(
        pod(hostname="a", subdomain="db", hostAliases=[{"ip": "1.2.3.4", "hostnames": ["x", "y"]}]), "", layout
    )
    assert named.fqdn == "a.db.shop.svc.cluster.local"
    assert named.hosts == {"1.2.3.4": ("x", "y")}
    assert plain.log_directory == str(layout.home / "pods" / "u" / "logs")


def test_which_containers_are_proxies() -> None:
    def container(image: str) -> Container:
        return Container({"name": "c", "image": image}, Role.APP)

    assert uses_proxy(container("docker.io/pocketmesh/proxyv2:0.1.0"))
    assert uses_proxy(container("pocketmesh/proxyv2"))
    assert not uses_proxy(container("docker.io/istio/proxyv2:1.2"))
    assert not uses_proxy(container("NOT AN IMAGE"))


def test_launch(layout: Layout, tmp_path: Path) -> None:
    images = Images(tmp_path / "images.json")
    (tmp_path / "web").mkdir()
    images.add("web", Image(str(tmp_path / "web"), ("serve",), env={"PORT": "80", "MODE": "image"}))
    env = [{"name": "MODE", "value": "manifest-$(SVC)"}]
    container = Container({"name": "main", "image": "web:2", "args": ["$(PORT)"], "env": env}, Role.APP, attempt=3)
    volumes = PodVolumes(None, layout, pod())  # type: ignore[arg-type]
    launch = launch_of(pod(), container, volumes, images, {"SVC": "x"})
    assert launch.argv == ("serve", "80")
    assert launch.env == {"PORT": "80", "MODE": "manifest-x", "SVC": "x", "HOSTNAME": "web-1"}
    assert (launch.attempt, launch.log_path) == (3, "main/3.log")
    with pytest.raises(ImageError, match="mesh image add nobody"):
        launch_of(pod(), Container({"name": "c", "image": "nobody"}, Role.APP), volumes, images, {})
