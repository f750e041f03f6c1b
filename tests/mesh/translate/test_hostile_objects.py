"""Objects that no one should write: compiling them must not fail, since one object must never stop a whole mesh.

A leaf or a branch of a rich configuration is replaced by something else, and every proxy is compiled.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.istio.validation import validate
from mesh.registry.state import MeshState
from mesh.translate import compile_proxy
from tests.support.bookinfo import istio, objects

RICH = (Path(__file__).parent / "rich.yaml").read_text()
WRONG = (None, "", "x", -1, 0, 3.5, True, [], {}, [None], ["x"], {"x": None}, [[]], "1s", "*", {"exact": 5})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in entries:
        yield (*path, key)
        yield from places(one, (*path, key))


DOCUMENTS = [document for documents in istio(RICH).values() for document in documents]
PLACES = [(index, path) for index, document in enumerate(DOCUMENTS) for path in places(document["spec"], ("spec",))]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLACES), st.sampled_from(WRONG))
def test_nothing_written_stops_a_compilation(place: tuple[int, tuple[Any, ...]], wrong: Any) -> None:
    documents = copy.deepcopy(DOCUMENTS)
    index, path = place
    target = documents[index]
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = copy.deepcopy(wrong)
    validate(documents[index])
    found = objects(base="")
    for document in documents:
        found.setdefault(document["kind"], []).append(document)
    mesh = MeshState.build(found)
    for proxy in mesh.proxies():
        compile_proxy(mesh, proxy)
