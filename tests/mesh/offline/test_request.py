"""Requests as they are asked, and the proxies that they meet."""

from __future__ import annotations

import msgspec
import pytest

from mesh.offline.request import Request, proxy_of, read_requests
from tests.support.compiled import state


def test_absent_is_unset() -> None:
    (request,) = read_requests(b"[{}]")
    assert (request.proxy, request.method, request.path, request.inbound) == ("sidecar", "GET", "/", False)
    with pytest.raises(msgspec.ValidationError, match="prot"):
        read_requests(b'[{"prot": "HTTP"}]')


@pytest.mark.parametrize(
    ("request_", "protocols"),
    [
        (Request(), ("http/1.1",)),
        (Request(protocol="HTTP2"), ("h2c",)),
        (Request(protocol="TCP"), ()),
        (Request(tls="mtls", alpn="istio"), ("istio",)),
    ],
)
def test_application_protocols(request_: Request, protocols: tuple[str, ...]) -> None:
    assert request_.application_protocols() == protocols


def test_the_head_is_the_data_planes() -> None:
    head = Request(host="a", headers={"X-A": "b"}, tls="tls").head()
    assert (head.authority, head.scheme, head.headers.get(b"x-a")) == (b"a", b"https", b"b")


def test_a_pod_of_these_labels_or_one_that_looks_like_it() -> None:
    mesh = state()
    assert proxy_of(mesh, Request(labels={"app": "ratings"})).name.startswith("ratings")
    other = proxy_of(mesh, Request(namespace="x", labels={"app": "none"}))
    assert (other.namespace, other.kind, other.labels) == ("x", "sidecar", {"app": "none"})
    assert proxy_of(mesh, Request(proxy="gateway")).labels["istio"] == "ingressgateway"
