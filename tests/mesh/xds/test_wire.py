"""Requests and responses on the wire: both spellings, cut anywhere, anything malformed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.xds.kinds import CLUSTER
from mesh.xds.snapshot import encode_resource
from mesh.xds.wire import DeltaRequest, DeltaResponse, ErrorDetail, LineSplitter, read_request, write_response

SNAKE = {
    "node": {"id": "sidecar~1.2.3.4~a.b~b.svc.cluster.local", "metadata": {"x": 1}},
    "type_url": CLUSTER,
    "resource_names_subscribe": ["*"],
    "resource_names_unsubscribe": ["b"],
    "initial_resource_versions": {"a": "1"},
    "response_nonce": "7",
    "error_detail": {"code": 3, "message": "a.b: bad"},
}
CAMEL = {
    "node": SNAKE["node"],
    "typeUrl": CLUSTER,
    "resourceNamesSubscribe": ["*"],
    "resourceNamesUnsubscribe": ["b"],
    "initialResourceVersions": {"a": "1"},
    "responseNonce": "7",
    "errorDetail": {"code": 3, "message": "a.b: bad"},
}
READ = DeltaRequest(
    type_url=CLUSTER,
    node_id="sidecar~1.2.3.4~a.b~b.svc.cluster.local",
    subscribe=("*",),
    unsubscribe=("b",),
    initial_versions={"a": "1"},
    nonce="7",
    error=ErrorDetail(3, "a.b: bad"),
)


@pytest.mark.parametrize("body", [SNAKE, CAMEL])
def test_both_spellings_are_read(body: dict[str, object]) -> None:
    assert read_request(json.dumps(body).encode()) == READ


def test_only_the_type_is_required() -> None:
    assert read_request(json.dumps({"type_url": CLUSTER}).encode()) == DeltaRequest(CLUSTER)


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"[]", b"null", b"{}", b'{"type_url": 1}', b'{"type_url":"t","resource_names_subscribe":"a"}',
        b'{"type_url":"t","resource_names_subscribe":[1]}', b'{"type_url":"t","initial_resource_versions":[1]}',
        b'{"type_url":"t","error_detail":"no"}', b"\xff",
    ],
)  # fmt: skip
def test_malformed_requests_are_value_errors(line: bytes) -> None:
    with pytest.raises(ValueError):
        read_request(line)


@pytest.mark.parametrize(
    ("message", "path", "reason"),
    [("a.b[0]: no: really", "a.b[0]", "no: really"), ("just no", "", "just no"), ("", "", "")],
)
def test_error_details_are_path_and_reason(message: str, path: str, reason: str) -> None:
    detail = ErrorDetail(3, message)
    assert (detail.path, detail.reason) == (path, reason)


def test_response_is_one_line_in_snake_case() -> None:
    resource = encode_resource("a", {"name": "a", "lb_policy": "RANDOM"})
    line = write_response(DeltaResponse(CLUSTER, "481", "3", (resource,), ("old",)))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "type_url": CLUSTER,
        "system_version_info": "481",
        "nonce": "3",
        "resources": [{"name": "a", "version": resource.version, "resource": {"name": "a", "lb_policy": "RANDOM"}}],
        "removed_resources": ["old"],
    }


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=8), st.data())
def test_lines_survive_any_cutting(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter()
    found: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += splitter.feed(stream[:size])
        stream = stream[size:]
    assert found == [line for line in lines if line]


@pytest.mark.parametrize("chunks", [[b"x" * 11], [b"x" * 6, b"x" * 5], [b"x" * 11 + b"\n"]])
def test_a_line_has_a_bound(chunks: list[bytes]) -> None:
    splitter = LineSplitter(line_bytes_max=10)
    with pytest.raises(ValueError, match="longer than 10"):
        for chunk in chunks:
            splitter.feed(chunk)
