"""The HTTP client against a server that answers oddly; against ours it is tested with the API server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from mesh.kube.errors import ApiError
from mesh.kube.http import HttpClient
from mesh.kube.kinds import POD
from mesh.kube.kubeconfig import Endpoint

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Odd:
    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.asked: list[web.BaseRequest] = []

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        assert self.handler is not None
        return await self.handler(request)


@pytest.fixture
def odd() -> Odd:
    return Odd()


@pytest.fixture
async def client(odd: Odd) -> AsyncIterator[HttpClient]:
    runner = web.ServerRunner(web.Server(odd), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    made = HttpClient(Endpoint(f"http://127.0.0.1:{port}", ssl.create_default_context(), lambda: "secret"))
    yield made
    await made.close()
    await runner.cleanup()


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_watch_lines_in_any_pieces(odd: Odd, client: HttpClient, size: int) -> None:
    lines = b"".join(b'{"type":"ADDED","object":{"metadata":{"name":"p%d"}}}\n' % number for number in range(4))

    async def stream(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for start in range(0, len(lines), size):
            await response.write(lines[start : start + size])
            await asyncio.sleep(0)
        return response

    odd.handler = stream
    seen = [event.object["metadata"]["name"] async for event in client.watch(POD, resource_version="5")]
    assert seen == ["p0", "p1", "p2", "p3"]
    assert dict(odd.asked[0].query) == {"watch": "true", "resourceVersion": "5", "allowWatchBookmarks": "true"}
    assert odd.asked[0].headers["Authorization"] == "Bearer secret"


async def test_an_error_event_is_raised(odd: Odd, client: HttpClient) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n')

    odd.handler = answer
    with pytest.raises(ApiError) as failure:
        async for _ in client.watch(POD):
            pass
    assert failure.value.gone


@pytest.mark.parametrize(
    ("body", "message"),
    [(b"404 page not found\n", "404 page not found"), (b"", "HTTP 404"), (b'{"kind":"Status","message":"no"}', "no")],
)
async def test_failures_that_are_no_status(odd: Odd, client: HttpClient, body: bytes, message: str) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=404, body=body)

    odd.handler = answer
    with pytest.raises(ApiError) as failure:
        await client.get(POD, "p", "default")
    assert failure.value.not_found
    assert failure.value.message == message


async def test_warnings_are_passed_on(odd: Odd, client: HttpClient) -> None:
    async def warned(request: web.BaseRequest) -> web.StreamResponse:
        response = web.json_response({"metadata": {"name": "p"}})
        for value in ('299 - "a \\"b\\" \\\\ c"', '110 - "stale"', "299 broken"):
            response.headers.add("Warning", value)
        return response

    odd.handler = warned
    heard: list[str] = []
    await client.get(POD, "p", "n")  # nobody listens: nothing happens
    client.on_warning = heard.append
    await client.get(POD, "p", "n")
    assert heard == ['a "b" \\ c']
