"""Identity and field validation of what clients send."""

from __future__ import annotations

import pytest

from mesh.kube.errors import ApiError
from mesh.kube.kinds import NODE, POD, VIRTUAL_SERVICE
from mesh.kube.objects import Object
from orchestrator.api.call import INTERNAL, Call, FieldValidation
from orchestrator.api.decode import conform, identify


def test_what_is_left_out_is_filled_in() -> None:
    obj: Object = {}
    identify(Call(INTERNAL, POD, "ns", "p"), obj)
    assert obj == {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "ns", "name": "p"}}
    node: Object = {"metadata": {"name": "n", "namespace": "x"}}
    identify(Call(INTERNAL, NODE, "", "n"), node)
    assert "namespace" not in node["metadata"]


@pytest.mark.parametrize(
    "obj",
    [
        {"kind": "Node"},
        {"apiVersion": "v2"},
        {"metadata": []},
        {"metadata": {"namespace": "b"}},
        {"metadata": {"name": "q"}},
    ],
)
def test_contradictions(obj: Object) -> None:
    with pytest.raises(ApiError) as failure:
        identify(Call(INTERNAL, POD, "ns", "p"), obj)
    assert failure.value.code == 400


@pytest.mark.parametrize(
    ("validation", "warnings", "code"), [("Strict", 0, 400), ("Warn", 1, 0), ("", 1, 0), ("Ignore", 0, 0)]
)
def test_unknown_fields(validation: FieldValidation, warnings: int, code: int) -> None:
    call = Call(INTERNAL, VIRTUAL_SERVICE, "ns", "v", field_validation=validation)
    obj: Object = {"spec": {"foo": 1}}
    if code:
        with pytest.raises(ApiError) as failure:
            conform(call, obj)
        assert failure.value.message == 'strict decoding error: unknown field "spec.foo"'
        return
    conform(call, obj)
    assert obj == {"spec": {}}
    assert len(call.warnings) == warnings
