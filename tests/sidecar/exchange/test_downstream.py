"""Both codecs are what an exchange wants of a client's stream, down to the signatures."""

from __future__ import annotations

import inspect

import pytest

from sidecar.exchange.downstream import Downstream, DownstreamConnection
from sidecar.exchange.http1_server import Http1Server
from sidecar.exchange.http2_server import Http2Server
from sidecar.exchange.http2_stream import Http2Stream


@pytest.mark.parametrize(
    ("wanted", "codec"),
    [
        (Downstream, Http1Server),
        (Downstream, Http2Stream),
        (DownstreamConnection, Http1Server),
        (DownstreamConnection, Http2Server),
    ],
)
def test_codecs_fit(wanted: type, codec: type) -> None:
    for name, method in inspect.getmembers(wanted, inspect.isfunction):
        if not name.startswith("_"):
            assert (
                inspect.signature(getattr(codec, name)).parameters.keys() == inspect.signature(method).parameters.keys()
            )
