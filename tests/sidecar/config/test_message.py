"""Every message is strict data: immutable, and documented by its annotations alone."""

from __future__ import annotations

import pytest

from sidecar.config.message import Message
from sidecar.config.route_match import RouteMatch


def subclasses(kind: type[Message]) -> list[type[Message]]:
    return [one for direct in kind.__subclasses__() for one in (direct, *subclasses(direct))]


def test_messages_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        RouteMatch(prefix="/").prefix = "/other"  # type: ignore[misc]


def test_oneof_groups_name_fields_that_exist() -> None:
    for message in subclasses(Message):
        for group in (*message.AT_MOST_ONE, *message.EXACTLY_ONE):
            assert set(group) <= set(message.__struct_fields__), message


def test_types_are_told_apart() -> None:
    names = [message.TYPE for message in subclasses(Message) if message.TYPE]
    assert len(names) == len(set(names))
