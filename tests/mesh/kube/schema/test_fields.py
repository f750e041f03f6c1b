"""The field table: every type it names exists, embedded structs are flat, versions of Istio share one message."""

from __future__ import annotations

import pytest

from mesh.kube.kinds import BUILT_IN
from mesh.kube.schema.fields import SCALARS, _table, is_custom, message, message_of


def test_every_type_is_known() -> None:
    for name in _table():
        found = message(name)
        assert found is not None
        for field in found.wire.values():
            assert field.type in SCALARS or message(field.type) is not None, f"{name}.{field.name}: {field.type}"


@pytest.mark.parametrize(
    "kind", [k for k in BUILT_IN if k.verbs != ("create",)], ids=lambda k: f"{k.api_version} {k.kind}"
)
def test_every_kind_is_described(kind: object) -> None:
    found = message_of(kind.api_version, kind.kind)  # type: ignore[attr-defined]
    assert found is not None
    assert "metadata" in found.fields


def test_embedded_structs_are_flat_in_json_and_whole_on_the_wire() -> None:
    volume = message("core.v1.Volume")
    assert volume is not None
    assert {"name", "emptyDir", "configMap"} <= set(volume.fields)
    assert "volumeSource" not in volume.fields
    assert volume.wire[2].name == "volumeSource"


def test_custom() -> None:
    assert is_custom("networking.istio.io/v1")
    assert not is_custom("apps/v1")
    assert not is_custom("v1")
    assert message_of("networking.istio.io/v1beta1", "VirtualService") is message_of(
        "networking.istio.io/v1", "VirtualService"
    )
    assert message_of("example.com/v1", "Thing") is None
