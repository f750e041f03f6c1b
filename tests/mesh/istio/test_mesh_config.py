"""MeshConfig: Istio's defaults, what is read, what is warned about."""

from __future__ import annotations

from mesh.istio.mesh_config import MeshConfig, mesh_config


def test_defaults_are_istios() -> None:
    found = mesh_config(None)
    assert found == MeshConfig()
    assert (found.registry_only, found.auto_mtls, found.access_log_file) == (False, True, "")
    assert (found.sampling_percent, found.connect_timeout_s, found.retry.attempts) == (1.0, 10.0, 2)


def test_fields() -> None:
    found = mesh_config(
        {
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
            "accessLogFile": "/dev/stdout",
            "accessLogEncoding": "JSON",
            "defaultConfig": {"tracing": {"sampling": 100}},
            "defaultHttpRetryPolicy": {"attempts": 0},
            "trustDomain": "example.org",
            "pathNormalization": {"normalization": "MERGE_SLASHES"},
            "connectTimeout": "2s",
            "extensionProviders": [{"name": "otel", "opentelemetry": {"service": "otel.obs", "port": 4318}}],
        }
    )
    assert found.registry_only
    assert found.access_log_json
    assert found.sampling_percent == 100.0
    assert found.retry.attempts == 0
    assert found.trust_domain == "example.org"
    assert found.connect_timeout_s == 2.0
    assert found.otlp_endpoint == "otel.obs:4318"
    assert found.path_normalization == "MERGE_SLASHES"
    assert found.warnings == ()


def test_paths_are_normalised_unless_told_otherwise() -> None:
    assert mesh_config({"pathNormalization": {}}).path_normalization == "BASE"
    odd = mesh_config({"pathNormalization": {"normalization": "SOME"}})
    assert odd.path_normalization == "BASE"
    assert odd.warnings == ("mesh.pathNormalization.normalization: SOME is not supported, BASE is used",)


def test_what_has_no_effect_is_warned_about() -> None:
    found = mesh_config({"meshMTLS": {}, "outboundTrafficPolicy": {"mode": "MAYBE"}, "connectTimeout": "x"})
    assert [warning.split(":")[0] for warning in found.warnings] == [
        "mesh.meshMTLS",
        "mesh.outboundTrafficPolicy.mode",
        "mesh.connectTimeout",
    ]


def test_a_text_that_is_no_object_leaves_the_defaults() -> None:
    assert mesh_config("hello").warnings == ("mesh: not an object, defaults are used",)
