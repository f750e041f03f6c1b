"""The table of messages."""

from __future__ import annotations

import re

from mesh.analysis.messages import LEVELS, MESSAGES


def test_every_row_is_whole() -> None:
    for code, (name, level, sentence) in MESSAGES.items():
        assert re.fullmatch(r"IST\d{4}", code)
        assert name.isalpha()
        assert level in LEVELS
        assert sentence
