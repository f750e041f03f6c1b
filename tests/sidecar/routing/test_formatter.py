"""Operators in header values."""

from __future__ import annotations

import pytest

from sidecar.config.refusal import Refused
from sidecar.protocol.message import Headers, ResponseHead
from sidecar.routing.formatter import compile_value
from sidecar.telemetry.record import ExchangeRecord
from tests.sidecar.routing.requests import get

RECORD = ExchangeRecord(
    started_at_s=0.25,
    downstream_remote="10.0.0.1:1234",
    downstream_local="[::1]:80",
    protocol="HTTP/1.1",
    route_name="canary",
    upstream_host="10.0.0.2:9080",
    upstream_local="10.0.0.3:5000",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", b"plain"),
        ("", b""),
        ("100%%", b"100%"),
        ("%REQ(x-user)%", b"jason"),
        ("%REQ(X-Missing)%", b""),
        ("%REQ(x-missing?x-user)%", b"jason"),
        ("%REQ(x-user):3%", b"jas"),
        ("%REQ(:path)% of %REQ(:AUTHORITY)%", b"/p?q of a"),
        ("%RESP(x-up)%", b"yes"),
        ("%RESPONSE_CODE%", b"201"),
        ("%DOWNSTREAM_REMOTE_ADDRESS%", b"10.0.0.1:1234"),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", b"10.0.0.1"),
        ("%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", b"::1"),
        ("%PROTOCOL%/%ROUTE_NAME%", b"HTTP/1.1/canary"),
        ("%UPSTREAM_HOST%", b"10.0.0.2:9080"),
        ("%REQUESTED_SERVER_NAME%", b""),
        ("%UPSTREAM_REMOTE_PORT%|%DOWNSTREAM_LOCAL_PORT%", b"9080|80"),
        ("%REQUEST_HEADER(x-user)%%RESPONSE_HEADER(x-up)%", b"jasonyes"),
        ("%ENVIRONMENT(NO_SUCH_VARIABLE)%", b""),
        ("%START_TIME%", b"1970-01-01T00:00:00.250Z"),
    ],
)
def test_operators(text: str, expected: bytes) -> None:
    value = compile_value(text)
    response = ResponseHead(201, headers=Headers([(b"x-up", b"yes")]))
    head = get("/p?q", x_user="jason")
    assert (value if isinstance(value, bytes) else value(head, response, RECORD)) == expected


def test_plain_text_is_bytes_at_once() -> None:
    assert compile_value("a%%b") == b"a%b"


@pytest.mark.parametrize(
    "text", ["%", "50%", "%NO_SUCH%", "%REQ()%", "%REQ(a?b?c)%", "%REQ%", "%PROTOCOL(x)%", "%lower%", "a\r\nb", "a\0b"]
)
def test_refused(text: str) -> None:
    with pytest.raises(Refused):
        compile_value(text)
