"""From metadata back to the written rule."""

from __future__ import annotations

from mesh.istio.meta import meta_of, origin
from mesh.offline.documents import read_documents
from mesh.offline.origin import Origins, with_source
from tests.support.explained import APP


def test_a_rule_is_found_by_its_metadata() -> None:
    documents = read_documents("app.yaml", APP)
    written = with_source(documents[-1])
    metadata = origin(meta_of(written), 1)["filter_metadata"]
    origins = Origins(documents)
    assert origins.rule(metadata) == {
        "resource": "VirtualService default/reviews", "file": "app.yaml", "line": 24, "index": 1,
    }  # fmt: skip
    assert Origins([]).rule(metadata)["file"] is None
    assert origins.decided_by(None) is None
    assert origins.rule({})["resource"] is None


def test_the_source_is_noted_without_touching_the_document() -> None:
    (document, *_) = read_documents("app.yaml", APP)
    assert with_source(document)["metadata"]["annotations"] == {"pocketmesh.io/source": "app.yaml:1"}
    assert "annotations" not in document.object["metadata"]
