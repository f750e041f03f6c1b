"""The demonstration does what it says, and goes on doing it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections import Counter

import pytest

from tests.integration.meshes import ROOT, Mesh

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def demonstration(mesh: Mesh) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "demos.bookinfo.demo"],
        env=mesh.environment, cwd=ROOT, text=True, capture_output=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_its_last_line_is_the_exact_split(demonstration: str) -> None:
    assert demonstration.splitlines()[-1] == "split v1=180 v2=20"


def test_it_shows_both_identities_and_the_refusal(demonstration: str) -> None:
    assert "caller: spiffe://cluster.local/ns/default/sa/bookinfo-productpage" in demonstration
    assert "callee: spiffe://cluster.local/ns/default/sa/bookinfo-reviews" in demonstration
    assert "-> refused" in demonstration


@pytest.mark.usefixtures("demonstration")
def test_a_thousand_more_are_split_exactly(mesh: Mesh) -> None:
    versions: Counter[str] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", mesh.ingress_port, timeout=15)
    for _ in range(1000):
        connection.request("GET", "/api/v1/products/0/reviews")
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        versions[json.loads(body)["version"]] += 1
    connection.close()
    assert versions == {"v1": 900, "v2": 100}


@pytest.mark.usefixtures("demonstration")
def test_proxies_have_acknowledged_everything(mesh: Mesh) -> None:
    for proxy in mesh.json("proxy-status"):
        assert all(proxy[kind]["status"] == "SYNCED" for kind in ("cds", "lds")), proxy
        assert all(proxy[kind]["status"] in {"SYNCED", "NOT_SENT"} for kind in ("eds", "rds")), proxy


@pytest.mark.usefixtures("demonstration")
def test_pods_show_two_of_two(mesh: Mesh) -> None:
    rows = [line.split() for line in mesh.run("get", "pods").stdout.splitlines()]
    ready = {row[0].rsplit("-", 2)[0]: row[1] for row in rows[1:] if row[0] != "plaintext-caller"}
    names = ("details-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3", "productpage-v1")
    assert ready == dict.fromkeys(names, "2/2")
    assert "2/2" in mesh.kubectl("get", "pods", "-l", "app=reviews").stdout


@pytest.mark.usefixtures("demonstration")
def test_an_unknown_host_or_path_is_404(mesh: Mesh) -> None:
    assert mesh.request("/nothing-here")[0] == 404


@pytest.mark.usefixtures("demonstration")
def test_a_trace_is_otlp_json(mesh: Mesh) -> None:
    found = mesh.json("trace", "--limit", "1")
    spans = [s for r in found["resourceSpans"] for scope in r["scopeSpans"] for s in scope["spans"]]
    assert len({span["traceId"] for span in spans}) == 1
    assert all(len(span["traceId"]) == 32 and len(span["spanId"]) == 16 for span in spans)


UNKNOWN_SUBSET = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: v9}}]}]}
"""


@pytest.mark.usefixtures("demonstration")
def test_an_unknown_subset_is_accepted_with_a_warning(mesh: Mesh) -> None:
    done = mesh.run("apply", "--dry-run", "-f", "-", stdin=UNKNOWN_SUBSET)
    assert "configured (dry run)" in done.stdout
    assert "Warning: spec.http[0].route[0].destination.subset: no DestinationRule defines subset v9" in done.stderr
