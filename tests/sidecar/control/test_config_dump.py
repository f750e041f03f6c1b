"""Static and dynamic resources in Envoy's frame, without keys."""

from __future__ import annotations

import json

import msgspec
import pytest

from sidecar.control.config_dump import config_dump, redact
from sidecar.control.subscriptions import CLUSTER, ENDPOINTS, LISTENER, SECRET, Entry, Subscriptions

BOOTSTRAP = {"static_resources": {"clusters": [{"name": "s"}], "listeners": [{"name": "l"}]}}


def subscriptions() -> Subscriptions:
    held = Subscriptions({})
    for url, body in (
        (CLUSTER, {"name": "c1"}),
        (LISTENER, {"name": "l1"}),
        (ENDPOINTS, {"cluster_name": "c1"}),
        (SECRET, {"name": "s1", "tls_certificate": {"private_key": {"inline_string": "KEY"}}}),
    ):
        held.hold(url, Entry(str(body.get("name", "c1")), msgspec.Raw(json.dumps(body).encode()), "9"))
    return held


def test_frame() -> None:
    configs = {one["@type"].rpartition(".")[2]: one for one in config_dump(BOOTSTRAP, subscriptions())["configs"]}
    assert configs["ClustersConfigDump"]["static_clusters"] == [{"cluster": {"@type": CLUSTER, "name": "s"}}]
    assert configs["ClustersConfigDump"]["dynamic_active_clusters"] == [
        {"version_info": "9", "cluster": {"@type": CLUSTER, "name": "c1"}}
    ]
    assert configs["ListenersConfigDump"]["dynamic_listeners"][0]["active_state"]["version_info"] == "9"
    assert "EndpointsConfigDump" not in configs
    assert "KEY" not in json.dumps(configs)


def test_selection() -> None:
    dump = config_dump({}, subscriptions(), resource="dynamic_active_clusters", name_regex="^c")
    assert [one["cluster"]["name"] for one in dump["configs"]] == ["c1"]
    assert config_dump({}, subscriptions(), resource="dynamic_active_clusters", name_regex="^x")["configs"] == []
    kinds = [one["@type"] for one in config_dump({}, subscriptions(), include_eds=True)["configs"]]
    assert any(kind.endswith("EndpointsConfigDump") for kind in kinds)
    with pytest.raises(ValueError, match="name_regex"):
        config_dump({}, None, name_regex="(")


def test_redact_copies() -> None:
    secret = {"a": [{"privateKey": "x", "name": "n"}]}
    assert redact(secret) == {"a": [{"privateKey": "[redacted]", "name": "n"}]}
    assert secret["a"][0]["privateKey"] == "x"
