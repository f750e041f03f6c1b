"""The node backend is asked as its protocol says."""

from __future__ import annotations

import inspect

from orchestrator.api.node import NodeBackend


def test_options_are_those_of_the_log_subresource() -> None:
    parameters = inspect.signature(NodeBackend.logs).parameters
    options = [name for name, parameter in parameters.items() if parameter.kind is parameter.KEYWORD_ONLY]
    assert options == ["follow", "previous", "tail_lines", "since_seconds", "timestamps", "limit_bytes"]
