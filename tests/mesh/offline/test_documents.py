"""Documents with the lines of their fields."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mesh.offline.documents import read_documents

TEXT = """# first
apiVersion: v1
kind: Service
spec:
  ports:
  - port: 80
    name: http
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: {annotations: {a.b/c: d}}
"""


def test_fields_have_lines() -> None:
    service, pod = read_documents("a.yaml", TEXT)
    assert (service.file, service.line, service.object["kind"]) == ("a.yaml", 2, "Service")
    assert [service.line_of(path) for path in ("spec.ports[0].name", "spec.ports[0].targetPort", "status", "")] == [
        7, 6, 2, 2,
    ]  # fmt: skip
    assert (pod.line, pod.line_of("metadata.annotations[a.b/c]")) == (12, 14)


def test_what_cannot_be_read_is_a_problem_with_its_line() -> None:
    good, bad = read_documents("a.yaml", "apiVersion: v1\nkind: Pod\n---\na: [\n")
    assert (good.problem, bad.line, bad.problem[:8]) == ("", 5, "not YAML")
    assert read_documents("a", "- 1")[0].problem == "not an object of Kubernetes"
    assert read_documents("a", "kind: Pod")[0].problem == "apiVersion and kind are required"
    assert "aliases" in read_documents("a", "a: &a 1\nb: [" + "*a, " * 101 + "]")[0].problem
    assert read_documents("a", "---\n# nothing\n") == []


@given(st.text(alphabet="ab:-[]{}&*!|>\n \"'#%@,?0", max_size=60))
def test_any_text_gives_documents_or_problems(text: str) -> None:
    for document in read_documents("a", text):
        assert document.problem or document.object
