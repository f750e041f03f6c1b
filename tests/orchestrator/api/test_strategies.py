"""The table of strategies names kinds that exist, and its functions stand any object of theirs."""

from __future__ import annotations

import pytest

from mesh.kube.kinds import CONFIG_MAP, VIRTUAL_SERVICE, builtin_registry
from orchestrator.api.strategies import STRATEGIES, strategy_of


def test_rows_are_of_known_kinds() -> None:
    known = {(kind.group, kind.plural) for kind in builtin_registry()}
    assert set(STRATEGIES) <= known
    assert strategy_of(VIRTUAL_SERVICE).generation
    assert not strategy_of(CONFIG_MAP).status


@pytest.mark.parametrize("key", list(STRATEGIES), ids="/".join)
def test_empty_objects(key: tuple[str, str]) -> None:
    strategy = STRATEGIES[key]
    obj: dict[str, object] = {"metadata": {"name": "a"}}
    strategy.prepare(obj, None)
    strategy.default(obj)
    list(strategy.validate(obj))
    list(strategy.validate_update(obj, obj))
