"""Paths of messages."""

from __future__ import annotations

from mesh.istio.findings import Findings, Message


def test_paths_are_joined() -> None:
    found = Findings("spec")
    for at, entry in found.each("http", [{}, {}]):
        at.at("route[0]").error("bad", "weight")
        at.warn("odd", "[x]" if entry is None else "")
    verdict = found.verdict()
    assert not verdict.valid
    assert verdict.errors[1] == Message("spec.http[1].route[0].weight", "bad")
    assert verdict.warnings[0] == Message("spec.http[0]", "odd")


def test_a_condition_that_holds_leaves_no_message() -> None:
    found = Findings()
    found.require(True, "never")
    found.require("", "always", "here")
    assert found.verdict().errors == (Message("here", "always"),)
