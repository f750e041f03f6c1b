"""Raw payloads that other proxies were given, each whole and split: ours answers as its decision table says.

The payloads come with what Envoy, nginx and HAProxy did with them; the answers here are our own, the strictest that
breaks no real client. Skipped where the payloads are not at hand: the rules themselves are in `test_http1_head` and
`test_http1_body`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from tests.sidecar.engines import WAIT_S, answer, backend, cluster, hcm, read_request, route, running

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "h1_oracle.json"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here"),
]

ANSWERED = """
plain GET; absolute-form Host differs; path %00; path %2f; path /a/../b; path /a/%2e%2e/b; path /a\\..\\b; path //a///b
path bad pct %zz; HTTP/1.2; leading CRLF; method lowercase get; method custom FOO; method TRACE; name w/ underscore
value 0x80; CL on GET w/ body; CL leading zeros 003; POST no CL no TE; TE CHUNKED upper; chunk ok+trailer; chunk ext
chunk trailer TE/CL; Expect 100; hop-by-hop via Connection; Upgrade h2c; XFF spoof + x-envoy-*; 1 hdr 7 KiB
1 hdr 20 KiB; 99 hdrs; URL 9 KiB; pipeline 3; pipeline POST+GET; HEAD; upstream dead (/dead)
"""
"""Without path normalisation, as inside a mesh. Everything else is refused, with 400 where `OTHERS` says nothing."""
OTHERS = {
    "absolute-form https on plain": 403,
    "asterisk OPTIONS": 404,
    "CONNECT a:80": 404,
    "HTTP/1.0 no host": 426,
    "HTTP/1.0 keep-alive": 426,
    "TE chunked HTTP/1.0": 426,
    "HTTP/2.0 line": 505,
    "h2 preface on h1 port": 505,
    "TE xchunked": 501,
    "TE identity": 501,
    "TE gzip, chunked": 501,
    "TE chunked, gzip": 501,
    "TE chunked twice hdr": 501,
    "Expect other": 417,
    "Upgrade websocket": 403,
    "1 hdr 70 KiB": 431,
    "101 hdrs": 431,
    "500 hdrs": 431,
    "URL 70 KiB": 414,
}
STAYS_OPEN = {"asterisk OPTIONS", "CONNECT a:80", "Upgrade websocket"}
"""Refused for what they ask and not for how they are written: the next request may be right."""
SPLIT_BYTES_MAX = 400
"""Longer payloads are only given whole."""
STEPS = (0, 1, 7)
"""Bytes of one piece; 0 = all at once."""


def expected(name: str) -> int:
    answered = {one.strip() for one in ANSWERED.replace("\n", ";").split(";")}
    return 200 if name in answered else OTHERS.get(name, 400)


async def give(port: int, payload: bytes, step: int) -> tuple[list[int], bool]:
    """The statuses that came, and whether the connection was closed; half-closed by us so that there is an end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    statuses: list[int] = []
    try:
        for start in range(0, len(payload), step or len(payload)):
            writer.write(payload[start : start + (step or len(payload))])
            await writer.drain()
            await asyncio.sleep(0)
        status = await asyncio.wait_for(reader.readline(), WAIT_S)
        statuses.append(int(status[9:12]))
        writer.write_eof()
        rest = await asyncio.wait_for(reader.read(), WAIT_S)
        head = rest.partition(b"\r\n\r\n")[0].lower()
        statuses += [int(part[:3]) for part in rest.split(b"HTTP/1.1 ")[1:]]
        return statuses, b"connection: close" in head
    except ConnectionError:
        return statuses, True
    finally:
        writer.close()


@pytest.mark.parametrize("step", STEPS)
async def test_oracle(step: int) -> None:
    cases = json.loads(CASES.read_text())
    seen: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            seen.append(head)
            writer.write(answer(b"ok"))
            await writer.drain()

    wrong = []
    front = hcm(route("/", cluster="b"), codec_type="HTTP1")
    async with backend(record) as port, running(front, cluster("b", port)) as proxy:
        for case in cases:
            payload = base64.b64decode(case["payload_base64"])
            if step and len(payload) > SPLIT_BYTES_MAX:
                continue
            seen.clear()
            statuses, closed = await give(proxy.port(), payload, step)
            wanted = expected(case["name"])
            if statuses[-1] != wanted or (wanted != 200 and seen) or (wanted == 200) != bool(seen):
                wrong.append((case["name"], statuses, wanted, len(seen)))
            elif wanted != 200 and closed == (case["name"] in STAYS_OPEN):
                wrong.append((case["name"], "closed" if closed else "open"))
    assert wrong == []
