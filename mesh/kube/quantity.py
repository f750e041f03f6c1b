"""Quantities of Kubernetes: `100m`, `1.5Gi`, `2e3`. Exact, as fractions."""

from __future__ import annotations

import re
from fractions import Fraction

_FORM = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([eE][+-]?\d+)|([KMGTPE]i|[numkMGTPE])?)")
_SUFFIX = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}
EXPONENT_MAX = 64


class QuantityError(ValueError):
    """The text is no quantity."""


def parse_quantity(text: str) -> Fraction:
    """The number that `text` stands for, in base units (cores, bytes)."""
    found = _FORM.fullmatch(text)
    if not found:
        raise QuantityError(f"not a quantity: {text!r}")
    sign, digits, exponent, suffix = found.groups()
    value = Fraction(digits)
    if exponent:
        power = int(exponent[1:])
        if abs(power) > EXPONENT_MAX:
            raise QuantityError(f"exponent out of range: {text!r}")
        value *= Fraction(10) ** power
    else:
        value *= _SUFFIX[suffix or ""]
    return -value if sign == "-" else value


def millis(text: str) -> int:
    """Thousandths, rounded up, as CPU is counted."""
    return -int(-parse_quantity(text) * 1000 // 1)


def whole(text: str) -> int:
    """Whole units, rounded up, as memory is counted."""
    return -int(-parse_quantity(text) // 1)
