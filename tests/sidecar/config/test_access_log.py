"""Access logs: where to and in which format."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.config.access_log import AccessLog
from sidecar.config.decode import decode
from tests.sidecar.config.tables import refusal

FILE = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
STDOUT = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"


@pytest.mark.parametrize(
    ("config", "path", "expected"),
    [
        ({"@type": FILE, "path": "/dev/stdout"}, "/dev/stdout", None),
        ({"@type": STDOUT}, "/dev/stdout", None),
        (
            {"@type": FILE, "path": "x", "log_format": {"text_format_source": {"inline_string": "%PROTOCOL%\n"}}},
            "x",
            "%PROTOCOL%\n",
        ),
        ({"@type": FILE, "path": "x", "log_format": {"text_format": "a"}}, "x", "a"),
        ({"@type": FILE, "path": "x", "log_format": {"jsonFormat": {"aB": "%PROTOCOL%"}}}, "x", {"aB": "%PROTOCOL%"}),
    ],
)
def test_formats(config: dict[str, Any], path: str, expected: Any) -> None:
    log = decode(AccessLog, {"name": "x", "typed_config": config}).typed_config
    assert (log.path, log.format) == (path, expected)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"typed_config": {"@type": FILE}}, "typed_config.path"),
        ({"typed_config": {"@type": FILE, "path": "x"}, "filter": {}}, "filter"),
        (
            {"typed_config": {"@type": FILE, "path": "x", "log_format": {"text_format_source": {"filename": "y"}}}},
            "typed_config.log_format.text_format_source",
        ),
        (
            {"typed_config": {"@type": "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig"}},
            "typed_config.@type",
        ),
    ],
)
def test_refused(value: dict[str, Any], path: str) -> None:
    assert refusal(AccessLog, value).path == path
