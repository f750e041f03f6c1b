"""The tables of resource types agree with each other and with the translator."""

from __future__ import annotations

from dataclasses import fields

from mesh.translate.compile import ProxyResources
from mesh.xds import kinds


def test_every_compiled_kind_is_distributed() -> None:
    assert sorted(kinds.FIELDS.values()) == sorted(field.name for field in fields(ProxyResources))


def test_every_kind_has_its_turn() -> None:
    assert {*kinds.PUSH_ORDER, kinds.SECRET} == set(kinds.FIELDS)
    assert kinds.PUSH_ORDER[:4] == (kinds.CLUSTER, kinds.ENDPOINT, kinds.LISTENER, kinds.ROUTE)
