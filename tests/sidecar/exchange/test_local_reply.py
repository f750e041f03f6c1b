"""Local replies: Envoy's words, and what gRPC callers get."""

from __future__ import annotations

import pytest

from sidecar.exchange import local_reply
from sidecar.exchange.http1_client import Reset
from sidecar.exchange.local_reply import Reply, grpc_status, response, upstream_reset
from sidecar.protocol.http1_fields import Malformed
from sidecar.protocol.message import Headers, RequestHead


@pytest.mark.parametrize(
    ("reset", "detail", "status", "flag", "details"),
    [
        (
            Reset.CONNECTION_FAILURE,
            "x",
            503,
            "UF",
            "upstream_reset_before_response_started{remote_connection_failure|x}",
        ),
        (Reset.CONNECTION_TIMEOUT, "", 503, "UF", "upstream_reset_before_response_started{connection_timeout}"),
        (Reset.CONNECTION_TERMINATION, "", 503, "UC", "upstream_reset_before_response_started{connection_termination}"),
        (Reset.PROTOCOL_ERROR, "", 502, "UPE", "upstream_reset_before_response_started{protocol_error}"),
        (Reset.OVERFLOW, "", 503, "UO", "upstream_reset_before_response_started{overflow}"),
    ],
)
def test_resets(reset: Reset, detail: str, status: int, flag: str, details: str) -> None:
    reply = upstream_reset(reset, detail, retried=False)
    assert (reply.status, reply.flags, reply.details) == (status, flag, details)
    assert (
        reply.body
        == b"upstream connect error or disconnect/reset before headers. reset reason: " + reset.value.encode()
    )
    assert reply.overloaded == (reset is Reset.OVERFLOW)
    assert b"retried and the latest reset reason: " in upstream_reset(reset, detail, retried=True).body
    assert local_reply.after_response(reset).startswith("upstream_reset_after_response_started{")
    assert local_reply.reset_flag(reset) == flag


def test_http_and_grpc_bodies() -> None:
    reply = Reply(503, "UH", "no_healthy_upstream", b"no 100% \xff")
    head, body = response(reply, RequestHead(b"GET", b"/"))
    assert (head.status, body) == (503, b"no 100% \xff")
    assert list(head.headers) == [(b"content-length", b"9"), (b"content-type", b"text/plain")]
    grpc = RequestHead(b"POST", b"/", headers=Headers([(b"content-type", b"application/grpc+proto")]))
    head, body = response(reply, grpc)
    assert (head.status, body) == (200, b"")
    assert head.headers.get(b"grpc-status") == b"14"
    assert head.headers.get(b"grpc-message") == b"no 100%25 %FF"


@pytest.mark.parametrize(
    ("status", "code"), [(400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (504, 14), (500, 2)]
)
def test_grpc_codes(status: int, code: int) -> None:
    assert grpc_status(status) == code


def test_only_what_the_codec_refuses_is_a_protocol_error() -> None:
    refused = local_reply.malformed(Malformed(431, "http1.headers_too_large"))
    assert (refused.flags, refused.body, refused.close) == ("DPE", b"Request Header Fields Too Large", True)
    refused = local_reply.malformed(Malformed(426, "low_version"))
    assert (refused.flags, refused.body, refused.close) == ("", b"", True)
