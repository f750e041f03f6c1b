"""`make demo`: bring the mesh up, deploy bookinfo, split reviews 90/10, and show what happened.

Everything goes through the `mesh` command and the ingress, as a person would do it; what is counted are the
applications' own answers. The mesh is left running: `make down` stops it.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MANIFESTS = HERE / "manifests"
SERVICES = HERE / "services"
IMAGES = {
    "details": ["v1"],
    "ratings": ["v1"],
    "reviews": ["v1", "v2", "v3"],
    "productpage": ["v1"],
    "caller": ["v1"],
}
REQUESTS = 200
READY_WAIT_S = 60.0
POLL_S = 0.1
COLOR = sys.stdout.isatty()


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def title(text: str) -> None:
    say(f"\n\033[1m{text}\033[0m" if COLOR else f"\n== {text}")


def mesh(*arguments: str, quiet: bool = False) -> str:
    """Run one `mesh` command as a person would; its output, or the end of the demonstration with its error."""
    if not quiet:
        say(f"  $ mesh {' '.join(arguments)}")
    done = subprocess.run(
        [sys.executable, "-m", "mesh", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE.parent.parent,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"the demonstration stops here: mesh {' '.join(arguments)} failed (exit {done.returncode})")
    return done.stdout


def get(kind: str, *arguments: str) -> Any:
    return json.loads(mesh("get", kind, *arguments, "-o", "json", quiet=True))


def bind_images() -> None:
    for service, versions in IMAGES.items():
        for version in versions:
            mesh(
                "image", "add", f"pocketmesh/bookinfo-{service}:{version}",
                "--dir", str(SERVICES), "--env", f"SERVICE_VERSION={version}",
                "--", sys.executable, f"{service}.py", quiet=True,
            )  # fmt: skip


def wait_until_ready() -> None:
    deadline = time.monotonic() + READY_WAIT_S
    while time.monotonic() < deadline:
        deployments = get("deployments")["items"]
        late = [d["metadata"]["name"] for d in deployments if not (d.get("status") or {}).get("availableReplicas")]
        if not late:
            return
        time.sleep(POLL_S)
    raise SystemExit(
        f"not ready after {READY_WAIT_S:.0f} s: {', '.join(late)}\nlook: mesh get pods; mesh describe pods"
    )


def wait_for_route(port: int) -> None:
    """The gateway answers 404 until it has acknowledged the route."""
    deadline = time.monotonic() + READY_WAIT_S
    status = 0
    while time.monotonic() < deadline:
        status = request(port, "/productpage")[0]
        if status == 200:
            return
        time.sleep(POLL_S)
    raise SystemExit(f"the ingress answers {status} after {READY_WAIT_S:.0f} s\nlook: mesh proxy-status")


def request(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def wait_for_canary() -> None:
    """`proxy-status` says when the product page's sidecar has acknowledged the split."""
    deadline = time.monotonic() + READY_WAIT_S
    while time.monotonic() < deadline:
        pod = get("pods", "-l", "app=productpage")["items"][0]["metadata"]["name"]
        routes = json.loads(mesh("proxy-config", "route", pod, "-o", "json", quiet=True))
        proxies = {entry["proxy"]: entry for entry in json.loads(mesh("proxy-status", "-o", "json", quiet=True))}
        status = proxies.get(f"{pod}.default", {})
        synced = all(status.get(kind, {}).get("status") == "SYNCED" for kind in ("cds", "lds", "eds", "rds"))
        if synced and "weighted_clusters" in json.dumps(routes):
            return
        time.sleep(POLL_S)
    raise SystemExit("the canary was not acknowledged\nlook: mesh proxy-status")


def send_requests(port: int) -> tuple[Counter[str], str]:
    """Who answered each of the requests, by the page itself; and the trace id of one that reached all services."""
    versions: Counter[str] = Counter()
    four_services = ""
    for _ in range(REQUESTS):
        trace_id = secrets.token_hex(16)
        status, page = request(port, "/productpage", {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"})
        found = re.search(r'data-version="(v\d)" data-podname="([^"]+)"', page)
        if status != 200 or found is None:
            raise SystemExit(f"a request failed: {status} {page[:200]}")
        versions[found.group(1)] += 1
        if found.group(1) == "v2":
            four_services = trace_id
    return versions, four_services


def show_trace(trace_id: str) -> None:
    """Spans travel in batches: wait until those of the gateway and of all four services are here."""
    expected = {f"{name}.default" for name in ("productpage", "details", "reviews", "ratings")}
    expected.add("istio-ingressgateway.istio-system")
    deadline = time.monotonic() + READY_WAIT_S
    while time.monotonic() < deadline:
        if expected <= services_in(json.loads(mesh("trace", trace_id, "-o", "json", quiet=True))):
            say(mesh("trace", trace_id).rstrip())
            return
        time.sleep(POLL_S)
    raise SystemExit(f"the trace {trace_id} did not arrive\nlook: mesh trace")


def services_in(otlp: dict[str, Any]) -> set[str]:
    """The services that a trace, as OTLP JSON, has spans of."""
    return {
        attribute["value"]["stringValue"]
        for resource in otlp.get("resourceSpans") or []
        for attribute in resource["resource"]["attributes"]
        if attribute["key"] == "service.name"
    }


def show_identities(port: int) -> None:
    answer = json.loads(request(port, "/api/v1/products/0/reviews")[1])
    seen = dict(part.split("=", 1) for part in answer["caller"].split(";") if "=" in part)
    say(f"  caller: {seen.get('URI', '?')}")
    say(f"  callee: {seen.get('By', '?')}")
    say("  (read by the reviews application in its x-forwarded-client-cert header)")


def show_refusal() -> None:
    mesh("apply", "-f", str(MANIFESTS / "peer-authentication-strict.yaml"))
    mesh("delete", "pod", "plaintext-caller", "--ignore-not-found", "--grace-period", "0", quiet=True)
    mesh("apply", "-f", str(MANIFESTS / "plaintext-caller.yaml"))
    deadline = time.monotonic() + READY_WAIT_S
    while time.monotonic() < deadline:
        phase = get("pod", "plaintext-caller")["status"].get("phase")
        if phase in {"Succeeded", "Failed"}:
            break
        time.sleep(POLL_S)
    said = mesh("logs", "plaintext-caller").strip()
    if phase != "Failed" or not said.startswith("refused"):
        raise SystemExit(f"a plaintext call should have been refused: {said}")
    say(f"  GET http://reviews:9080/reviews/0 without a certificate -> {said}")


def main() -> None:
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    title("The mesh")
    mesh("up")
    port = json.loads(mesh("status", "-o", "json", quiet=True))["ingress"]["http"]
    title("Bookinfo: four services, six pods, a sidecar in each")
    bind_images()
    mesh("apply", "-f", str(MANIFESTS / "mesh-config.yaml"), quiet=True)
    mesh("apply", "-f", str(MANIFESTS / "namespace.yaml"), quiet=True)
    mesh("apply", "-f", str(MANIFESTS / "bookinfo.yaml"), quiet=True)
    mesh("apply", "-f", str(MANIFESTS / "bookinfo-gateway.yaml"), quiet=True)
    wait_until_ready()
    wait_for_route(port)
    say(mesh("get", "pods").rstrip())
    title("A canary: 90 % of reviews to v1, 10 % to v2")
    mesh("apply", "-f", str(MANIFESTS / "destination-rule-all.yaml"))
    mesh("apply", "-f", str(MANIFESTS / "virtual-service-reviews-90-10.yaml"))
    wait_for_canary()
    versions, four_services = send_requests(port)
    say(f"  {REQUESTS} requests to http://127.0.0.1:{port}/productpage, answered by: {dict(sorted(versions.items()))}")
    title("One request through four services")
    show_trace(four_services)
    title("Who talked to whom")
    show_identities(port)
    title("Without an identity: refused")
    show_refusal()
    title("Where to look next")
    say(f"  http://127.0.0.1:{port}/productpage     the shop, in a browser")
    say("  mesh get pods; kubectl get pods            the same objects, two tools")
    say("  mesh proxy-status; mesh trace              what the proxies run, what they saw")
    say("  mesh logs deploy/reviews-v2 -c istio-proxy the access log of a sidecar")
    say("  make down                                  stop it all")
    say()
    say(f"split v1={versions['v1']} v2={versions['v2']}")


if __name__ == "__main__":
    main()
