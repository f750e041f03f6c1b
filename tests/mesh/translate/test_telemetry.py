"""Access logs and tracing."""

from __future__ import annotations

from mesh.istio.mesh_config import DEFAULT_ACCESS_LOG_FORMAT, MeshConfig
from mesh.translate.telemetry import access_log, tracing
from tests.support.compiled import state


def test_logs_are_off_by_default() -> None:
    assert access_log(MeshConfig()) == []


def test_istios_format() -> None:
    (found,) = access_log(MeshConfig(access_log_file="/dev/stdout"))
    assert found["typed_config"]["path"] == "/dev/stdout"
    text = found["typed_config"]["log_format"]["text_format_source"]["inline_string"]
    assert text == DEFAULT_ACCESS_LOG_FORMAT
    assert text.endswith("%ROUTE_NAME%\n")


def test_own_formats() -> None:
    (text,) = access_log(MeshConfig(access_log_file="x", access_log_format="%PROTOCOL%"))
    assert text["typed_config"]["log_format"]["text_format_source"]["inline_string"] == "%PROTOCOL%\n"
    (plain,) = access_log(MeshConfig(access_log_file="x", access_log_json=True))
    assert plain["typed_config"]["log_format"]["json_format"]["route_name"] == "%ROUTE_NAME%"
    own = MeshConfig(access_log_file="x", access_log_json=True, access_log_format='{"a": "%PROTOCOL%"}')
    assert access_log(own)[0]["typed_config"]["log_format"]["json_format"] == {"a": "%PROTOCOL%"}


def test_tracing() -> None:
    proxy = state().workloads[("default", "reviews-v2-a")]
    found = tracing(MeshConfig(sampling_percent=100.0), proxy)
    assert found is not None
    assert found["random_sampling"] == {"value": 100.0}
    assert found["provider"]["typed_config"]["service_name"] == "reviews.default"
    tags = {tag["tag"]: tag["literal"]["value"] for tag in found["custom_tags"]}
    assert tags["istio.canonical_revision"] == "v2"
    assert tracing(MeshConfig(tracing=False), proxy) is None
