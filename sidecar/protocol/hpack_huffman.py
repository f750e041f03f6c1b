"""HPACK's Huffman code (RFC 7541, 5.2 and appendix B).

The code is canonical: codes of one length count upwards in the order of their symbols, so the lengths are all that
has to be written down. Decoding walks the tree by half bytes over a table made on first use.
"""

from __future__ import annotations

EOS = 256
PADDING_BITS_MAX = 7

# fmt: off
_SYMBOLS_BY_LENGTH: tuple[tuple[int, str], ...] = (
    (5, "303132616365696f7374"),
    (6, "20252d2e2f333435363738393d415f62646667686c6d6e707275"),
    (7, "3a42434445464748494a4b4c4d4e4f5051525354555657596a6b71767778797a"),
    (8, "262a2c3b585a"),
    (10, "212228293f"),
    (11, "272b7c"),
    (12, "233e"),
    (13, "0024405b5d7e"),
    (14, "5e7d"),
    (15, "3c607b"),
    (19, "5cc3d0"),
    (20, "808283a2b8c2e0e2"),
    (21, "99a1a7acb0b1b3d1d8d9e3e5e6"),
    (22, "8184858688929a9ca0a3a4a9aaadb2b5b9babbbdbec4c6e4e8e9"),
    (23, "0187898a8b8c8d8f93959697989b9d9ea5a6a8aeafb4b6b7bcbfc5e7ef"),
    (24, "098e9091949fabced7e1eced"),
    (25, "c7cfeaeb"),
    (26, "c0c1c8c9cacdd2d5dadbeef0f2f3ff"),
    (27, "cbccd3d4d6dddedff1f4f5f6f7f8fafbfcfdfe"),
    (28, "020304050607080b0c0e0f1011121314151718191a1b1c1d1e1f7fdcf9"),
    (30, "0a0d16"),
)
# fmt: on
"""(bits, symbols in order as hexadecimal bytes). EOS is the last of the 30 bits."""


def _codes() -> list[tuple[int, int]]:
    """(code, bits) of every symbol; EOS is the last."""
    codes = [(0, 0)] * 257
    code, before = 0, _SYMBOLS_BY_LENGTH[0][0]
    for bits, symbols in _SYMBOLS_BY_LENGTH:
        code <<= bits - before
        before = bits
        for symbol in bytes.fromhex(symbols):
            codes[symbol] = (code, bits)
            code += 1
    codes[EOS] = (code, before)
    return codes


CODES = _codes()
_BITS = [bits for _, bits in CODES[:EOS]]


def encoded_length(text: bytes) -> int:
    return (sum([_BITS[byte] for byte in text]) + 7) // 8


def encode(text: bytes) -> bytes:
    """Padded with the beginning of EOS: ones."""
    value = total = 0
    for byte in text:
        code, bits = CODES[byte]
        value = value << bits | code
        total += bits
    pad = -total % 8
    return (value << pad | (1 << pad) - 1).to_bytes((total + pad) // 8, "big")


_Step = tuple[int, bytes]
"""(next node, what was completed)."""
_FAILED = -1


def _tree() -> tuple[list[list[int]], set[int]]:
    """Inner nodes as pairs of children: a node's number, or ~symbol. And the nodes where padding may end."""
    nodes: list[list[int]] = [[0, 0]]
    for symbol, (code, bits) in enumerate(CODES):
        at = 0
        for place in range(bits - 1, 0, -1):
            bit = code >> place & 1
            if not nodes[at][bit]:
                nodes[at][bit] = len(nodes)
                nodes.append([0, 0])
            at = nodes[at][bit]
        nodes[at][code & 1] = ~symbol
    padding, at = {0}, 0
    for _ in range(PADDING_BITS_MAX):
        at = nodes[at][1]
        padding.add(at)
    return nodes, padding


def _steps() -> tuple[list[_Step], set[int]]:
    nodes, padding = _tree()
    steps: list[_Step] = []
    for start in range(len(nodes)):
        for nibble in range(16):
            at, done = start, b""
            for place in (3, 2, 1, 0):
                at = nodes[at][nibble >> place & 1]
                if at == ~EOS:
                    at = _FAILED  # RFC 7541 5.2: EOS inside a string is an error
                    break
                if at < 0:
                    done += bytes((~at,))
                    at = 0
            steps.append((at, done))
    return steps, padding


_made: list[tuple[list[_Step], set[int]]] = []


def decode(data: bytes) -> bytes | None:
    """None = EOS inside, or padding that is too long or not all ones."""
    if not _made:
        _made.append(_steps())
    steps, padding = _made[0]
    at = 0
    parts = []
    for byte in data:
        at, done = steps[at << 4 | byte >> 4]
        if at < 0:
            return None
        if done:
            parts.append(done)
        at, done = steps[at << 4 | byte & 15]
        if at < 0:
            return None
        if done:
            parts.append(done)
    return b"".join(parts) if at in padding else None
