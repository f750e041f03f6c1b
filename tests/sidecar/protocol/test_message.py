"""Header lists: order and case kept, lookups by lower-case name, edits seen by both views."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol.message import Headers, RequestHead, ResponseHead

NAMES = st.sampled_from([b"a", b"b", b"c"])
EDITS = st.lists(st.tuples(st.sampled_from(["set", "append", "remove", "get"]), NAMES, st.sampled_from([b"1", b"2"])))


def test_names_keep_their_case_and_are_found_without_it() -> None:
    headers = Headers([(b"Accept", b"x"), (b"X-A", b"1"), (b"x-a", b"2")])
    assert list(headers) == [(b"Accept", b"x"), (b"X-A", b"1"), (b"x-a", b"2")]
    assert headers.get(b"x-a") == b"1,2"
    assert headers.get_all(b"x-a") == [b"1", b"2"]
    assert headers.get(b"X-A") is None
    assert headers.wire() == b"accept: x\r\nx-a: 1\r\nx-a: 2\r\n"


def test_set_keeps_the_place_of_the_first() -> None:
    headers = Headers([(b"A", b"1"), (b"b", b"2"), (b"a", b"3")])
    headers.set(b"a", b"9")
    assert list(headers) == [(b"a", b"9"), (b"b", b"2")]


@given(EDITS)
def test_index_and_list_agree_after_any_edits(edits: list[tuple[str, bytes, bytes]]) -> None:
    headers, model = Headers(), list[tuple[bytes, bytes]]()
    for verb, name, value in edits:
        if verb == "set":
            headers.set(name, value)
            place = next((i for i, pair in enumerate(model) if pair[0] == name), len(model))
            model = [pair for pair in model[:place] if pair[0] != name] + [(name, value)] + [
                pair for pair in model[place:] if pair[0] != name
            ]  # fmt: skip
        elif verb == "append":
            headers.append(name, value)
            model.append((name, value))
        elif verb == "remove":
            headers.remove(name)
            model = [pair for pair in model if pair[0] != name]
        values = [pair[1] for pair in model if pair[0] == name]
        assert headers.get(name) == (b",".join(values) if values else None)
        assert headers.get_all(name) == values
        assert list(headers) == model


def test_copies_do_not_share_fields() -> None:
    head = RequestHead(b"GET", b"/", authority=b"a", headers=Headers([(b"x", b"1")]))
    copy = head.copy()
    copy.headers.set(b"x", b"2")
    assert head.headers.get(b"x") == b"1"
    answer = ResponseHead(200, b"OK")
    answer.copy().headers.append(b"y", b"1")
    assert len(answer.headers) == 0
