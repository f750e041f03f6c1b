"""Both codecs are what an attempt wants of its upstream, down to the signatures."""

from __future__ import annotations

import inspect

import pytest

from sidecar.exchange.http1_client import Http1Client
from sidecar.exchange.http2_client import Http2Request
from sidecar.exchange.upstream import Upstream


@pytest.mark.parametrize("codec", [Http1Client, Http2Request])
def test_codecs_fit(codec: type) -> None:
    for name, method in inspect.getmembers(Upstream, inspect.isfunction):
        if not name.startswith("_"):
            has = inspect.signature(getattr(codec, name))
            assert has.parameters.keys() == inspect.signature(method).parameters.keys()
