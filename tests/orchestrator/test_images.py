"""Goal: names mean what Docker means by them, and a binding is found as people expect."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.images import Image, ImageError, Images, is_proxy, parse_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("nginx", "docker.io/library/nginx"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("istio/examples-bookinfo-reviews-v1:1.20.2", "docker.io/istio/examples-bookinfo-reviews-v1:1.20.2"),
        ("docker.io/nginx", "docker.io/library/nginx"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx"),
        ("localhost/app", "localhost/app"),
        ("localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
        (f"redis@{DIGEST}", f"docker.io/library/redis@{DIGEST}"),
        (f"redis:7@{DIGEST}", f"docker.io/library/redis:7@{DIGEST}"),
    ],
)
def test_normal_form(text: str, normal: str) -> None:
    assert str(parse_reference(text)) == normal
    assert str(parse_reference(normal)) == normal


@pytest.mark.parametrize(
    "text", ["", "Nginx", "nginx:", "nginx@", "nginx@sha256:12", "a b", "/nginx", "nginx/", "x" * 5000, "a:b:c", "../x"]
)
def test_invalid_names(text: str) -> None:
    with pytest.raises(ImageError, match="invalid image name"):
        parse_reference(text)


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        found = parse_reference(text)
    except ImageError:
        return
    assert parse_reference(str(found)) == found


def test_the_proxy_is_built_in(tmp_path: Path) -> None:
    assert is_proxy(parse_reference("pocketmesh/proxyv2:0.1.0"))
    assert not is_proxy(parse_reference("pocketmesh/proxy"))
    with pytest.raises(ImageError, match="built in"):
        Images(tmp_path / "images.json").add("pocketmesh/proxyv2", Image("/", ("x",)))


def test_find_prefers_the_tag_and_falls_back_to_every_tag(tmp_path: Path) -> None:
    images = Images(tmp_path / "images.json")
    every, one = Image(str(tmp_path), ("every",)), Image(str(tmp_path), ("one",), env={"A": "b"})
    images.add("shop/cart", every)
    images.add("shop/cart:2", one)
    assert images.find("docker.io/shop/cart:1") == every
    assert images.find("shop/cart:2") == one
    assert images.find(f"shop/cart:2@{DIGEST}") == one
    assert Images(tmp_path / "images.json").find("shop/cart:2") == one
    images.remove("shop/cart:2")
    assert images.find("shop/cart:2") == every
    with pytest.raises(ImageError, match="mesh image add other --dir DIR"):
        images.find("other:3")
    with pytest.raises(ImageError, match="not bound"):
        images.remove("other")


def test_a_change_by_another_process_is_seen(tmp_path: Path) -> None:
    mine, theirs = Images(tmp_path / "images.json"), Images(tmp_path / "images.json")
    assert not mine.bindings()
    theirs.add("a", Image(str(tmp_path), ("x",)))
    assert mine.find("a").command == ("x",)


def test_bindings_that_cannot_work_are_refused(tmp_path: Path) -> None:
    images = Images(tmp_path / "images.json")
    with pytest.raises(ImageError, match="not a directory"):
        images.add("a", Image(str(tmp_path / "none"), ("x",)))
    with pytest.raises(ImageError, match="needs a command"):
        images.add("a", Image(str(tmp_path), ()))
    (tmp_path / "images.json").write_text("[")
    with pytest.raises(ImageError, match="cannot be read"):
        images.bindings()
