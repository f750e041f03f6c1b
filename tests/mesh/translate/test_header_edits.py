"""Header mutations and their order."""

from __future__ import annotations

from mesh.translate.header_edits import APPEND, OVERWRITE, header_edits, joined

HEADERS = {
    "request": {"set": {"b": "2", "a": "1", "Host": "other"}, "add": {"c": "3"}, "remove": ["x", ":path"]},
    "response": {"add": {"d": "4"}},
}


def test_set_goes_before_add_each_sorted() -> None:
    found = header_edits(HEADERS)
    added = [(one["header"]["key"], one["append_action"]) for one in found.fields["request_headers_to_add"]]
    assert added == [("a", OVERWRITE), ("b", OVERWRITE), ("c", APPEND)]
    assert found.fields["request_headers_to_remove"] == ["x"]
    assert found.authority == "other"


def test_a_destinations_edits_come_after_the_rules() -> None:
    found = joined(header_edits(HEADERS), header_edits({"request": {"set": {"a": "9"}}}))
    assert [one["header"]["value"] for one in found["request_headers_to_add"]] == ["1", "2", "3", "9"]
    assert "response_headers_to_add" in found


def test_nothing_leaves_nothing() -> None:
    assert header_edits({}).fields == {}
