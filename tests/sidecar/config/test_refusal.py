"""Where a refusal says it happened."""

from __future__ import annotations

from sidecar.config.refusal import Refusal, Refused


def test_steps_are_joined_as_envoy_writes_them() -> None:
    refused = Refused("no", "regex").at("match").at("[3]").at("routes")
    assert refused.refusal == Refusal("routes[3].match.regex", "no")
    assert str(refused.refusal) == "routes[3].match.regex: no"


def test_the_resource_itself() -> None:
    assert str(Refusal("", "unsupported type x")) == "unsupported type x"
    assert Refusal("", "required").within("name") == Refusal("name", "required")
