"""Bodies: bounded, and equal whatever they are written in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.kube.errors import ApiError
from orchestrator.api.body import DEPTH_MAX, check_depth, decode_body, decode_patch


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "", "application/yaml"]
)
def test_one_value(content_type: str) -> None:
    assert decode_body(b'{"a": [1, "2020-01-01", null, true]}', content_type) == {"a": [1, "2020-01-01", None, True]}


def test_dates_stay_text() -> None:
    assert decode_body(b"a: 2020-01-01", "application/yaml") == {"a": "2020-01-01"}


def test_a_bomb() -> None:
    bomb = b"a: &a [x,x]\n" + b"".join(b"k%d: &k%d [*a,*a]\n" % (n, n) for n in range(50))
    with pytest.raises(ApiError, match="aliases"):
        decode_body(bomb, "application/yaml")


@pytest.mark.parametrize("content_type", ["application/json", "application/yaml"])
def test_depth(content_type: str) -> None:
    with pytest.raises(ApiError) as failure:
        decode_body(b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", content_type)
    assert failure.value.code == 400
    check_depth([[[]]])
    assert DEPTH_MAX == 100


def test_patches() -> None:
    assert decode_patch(b"[]", "application/json-patch+json") == ("json", [])
    assert decode_patch(b"a: b", "application/apply-patch+yaml") == ("apply", {"a": "b"})
    with pytest.raises(ApiError) as failure:
        decode_patch(b"{}", "application/json")
    assert failure.value.code == 415


@given(
    st.binary(max_size=60),
    st.sampled_from(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]),
)
def test_any_bytes_are_decoded_or_refused(content: bytes, content_type: str) -> None:
    try:
        assert isinstance(decode_body(content, content_type), dict)
    except ApiError as failure:
        assert failure.code == 400
