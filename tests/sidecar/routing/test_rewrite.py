"""Rewrites of path and host."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.decode import decode
from sidecar.config.refusal import Refused
from sidecar.config.route_action import RouteAction
from sidecar.config.route_match import RouteMatch
from sidecar.routing.rewrite import host_rewrite, path_rewrite, set_host, set_path
from tests.sidecar.routing.requests import get


def regex(pattern: str, substitution: str) -> dict[str, Any]:
    return {"regex_rewrite": {"pattern": {"regex": pattern}, "substitution": substitution}}


@pytest.mark.parametrize(
    ("match", "action", "path", "expected"),
    [
        ({"prefix": "/foo"}, {"prefix_rewrite": "/bar"}, b"/foo/x?q=/foo", b"/bar/x?q=/foo"),
        ({"prefix": "/foo"}, {"prefix_rewrite": "/"}, b"/foo/bar", b"//bar"),
        ({"prefix": "/foo/"}, {"prefix_rewrite": "/"}, b"/foo/bar", b"/bar"),
        ({"prefix": "/FOO", "case_sensitive": False}, {"prefix_rewrite": "/b"}, b"/foo/bar", b"/b/bar"),
        ({"path": "/foo"}, {"prefix_rewrite": "/bar"}, b"/foo?q", b"/bar?q"),
        ({"path_separated_prefix": "/foo"}, {"prefix_rewrite": "/bar"}, b"/foo", b"/bar"),
        ({"safe_regex": {"regex": "/f.*"}}, {"prefix_rewrite": "/bar"}, b"/foo/1?q", b"/bar?q"),
        ({"prefix": "/"}, regex("^/svc/([^/]+)(/.*)$", r"\2/at/\1"), b"/svc/foo/v1/api?q", b"/v1/api/at/foo?q"),
        ({"prefix": "/"}, regex("one", "two"), b"/xxx/one/yyy/one/zzz?one", b"/xxx/two/yyy/two/zzz?one"),
        ({"prefix": "/"}, regex("a", r"[\0\\]"), b"/a", b"/[a\\]"),
        ({"prefix": "/"}, regex("(x)?a", r"<\1>"), b"/a", b"/<>"),
        ({"prefix": "/"}, regex("none", "x"), b"/a", b"/a"),
    ],
)  # fmt: skip
def test_paths(match: dict[str, Any], action: dict[str, Any], path: bytes, expected: bytes) -> None:
    rewrite = path_rewrite(decode(RouteMatch, match), decode(RouteAction, {"cluster": "c", **action}))
    assert rewrite is not None and rewrite(path) == expected


def test_no_rewrite() -> None:
    assert path_rewrite(RouteMatch(prefix="/"), decode(RouteAction, {"cluster": "c"})) is None


@pytest.mark.parametrize(
    ("action", "path"),
    [
        (regex("(", ""), "regex_rewrite.pattern.regex"),
        (regex("a", r"\1"), "regex_rewrite.substitution"),
        (regex("a", r"\n"), "regex_rewrite.substitution"),
        (regex("a", "a\\"), "regex_rewrite.substitution"),
    ],
)
def test_refused(action: dict[str, Any], path: str) -> None:
    with pytest.raises(Refused) as caught:
        path_rewrite(RouteMatch(prefix="/"), decode(RouteAction, {"cluster": "c", **action}))
    assert caught.value.refusal.path == path


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"host_rewrite_literal": "b:80"}, b"b:80"),
        ({"host_rewrite_header": "X-Host"}, b"from-header"),
        ({"host_rewrite_header": "x-none"}, None),
        (
            {"host_rewrite_path_regex": {"pattern": {"regex": "^/(.+)/.+$"}, "substitution": r"\1"}},
            b"tenant",
        ),
    ],
)
def test_hosts(action: dict[str, Any], expected: bytes | None) -> None:
    rewrite = host_rewrite(decode(RouteAction, {"cluster": "c", **action}))
    assert rewrite is not None
    assert rewrite(get("/tenant/x?a=/b/c", x_host="from-header")) == expected


def test_the_originals_are_kept() -> None:
    head = get("/old?q", "a")
    set_host(head, b"b", append_forwarded=True)
    set_host(head, b"c", append_forwarded=False)
    set_path(head, b"/new?q")
    assert (head.authority, head.path) == (b"c", b"/new?q")
    assert list(head.headers) == [
        (b"x-forwarded-host", b"a"),
        (b"x-envoy-original-host", b"a"),
        (b"x-envoy-original-path", b"/old?q"),
    ]


def test_the_same_host_is_no_rewrite() -> None:
    head = get("/", "a")
    set_host(head, b"a", append_forwarded=True)
    assert not list(head.headers)
