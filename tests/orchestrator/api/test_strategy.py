"""A kind without peculiarities."""

from __future__ import annotations

from orchestrator.api.strategy import Strategy


def test_nothing_particular() -> None:
    plain = Strategy()
    obj: dict[str, object] = {"a": 1}
    plain.default(obj)
    plain.prepare(obj, None)
    assert obj == {"a": 1}
    assert not [*plain.validate(obj), *plain.validate_update(obj, {})]
    assert not plain.status
