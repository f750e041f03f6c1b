"""The dictionary is the specification's, byte for byte."""

from __future__ import annotations

import zlib

from orchestrator.api.spdy_dictionary import DICTIONARY


def test_it_is_the_one_everybody_uses() -> None:
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)
