"""Every operator of the formats we ship, the ones with arguments, and refusals that name what is wrong."""

from __future__ import annotations

import pytest

from sidecar.telemetry.operators import iso_time, parse
from sidecar.telemetry.record import ExchangeRecord

RECORD = ExchangeRecord(
    started_at_s=1_700_000_000.25,
    duration_s=0.0123,
    response_started_s=0.01,
    method=b"GET",
    path=b"/a?b=c",
    authority=b"reviews:9080",
    protocol="HTTP/1.1",
    response_code=503,
    flags="UF",
    details="upstream_reset_before_response_started{a b}",
    downstream_remote="10.244.0.7:4711",
    downstream_local="10.96.0.9:9080",
    attempts=2,
)


class Headers(dict[bytes, bytes]):
    pass


def shown(source: str, record: ExchangeRecord = RECORD) -> str:
    return "".join(
        part if isinstance(part, str) else ("-" if (value := part(record)) is None else str(value))
        for part in parse(source)
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%START_TIME%", "2023-11-14T22:13:20.250Z"),
        ("%START_TIME(%Y/%m/%d %H:%M:%S.%3f)%", "2023/11/14 22:13:20.250"),
        ("%START_TIME(%s.%6f)%", "1700000000.250000"),
        ("%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", "GET /a?b=c"),
        ("%REQ(:PATH):3%", "/a?"),
        ("%REQ(nothing)%|%RESP(nothing)%|%TRAILER(nothing)%", "-|-|-"),
        (
            "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%",
            "503 UF upstream_reset_before_response_started{a_b}",
        ),
        ("%DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION% %REQUEST_DURATION%", "12 10 2 -"),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT%", "10.244.0.7 9080"),
        ("%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "2"),
        ("100%% %PROTOCOL%", "100% HTTP/1.1"),
        ("no operator", "no operator"),
        ("", ""),
    ],
)
def test_operator(source: str, expected: str) -> None:
    assert shown(source) == expected


def test_headers() -> None:
    record = ExchangeRecord(
        request_headers=Headers({b"user-agent": b"curl/8", b"x-raw": b"\xff\xfe"}),
        response_headers=Headers({b"x-envoy-upstream-service-time": b"4"}),
        original_path=b"/old",
        path=b"/new",
    )
    assert shown("%REQ(USER-AGENT)% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%", record) == "curl/8 4"
    assert shown("%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", record) == "/old"
    assert shown("%REQ(x-raw)%", record) == "\\xff\\xfe"


@pytest.mark.parametrize("source", ["%NOT_AN_OPERATOR%", "%REQ%", "%REQ()%", "%protocol%", "50% off", "%PROTOCOL(x)%"])
def test_refusal_names_the_place(source: str) -> None:
    with pytest.raises(ValueError, match="access log format"):
        parse(source)


def test_iso_time() -> None:
    assert iso_time(0.9999) == "1970-01-01T00:00:00.999Z"
