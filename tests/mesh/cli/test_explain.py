"""`mesh explain`: one request in words, many as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mesh.cli.explain import explain
from tests.support.explained import APP


@pytest.fixture
def app(tmp_path: Path) -> str:
    (tmp_path / "app.yaml").write_text(APP)
    return str(tmp_path / "app.yaml")


def test_one_request_in_words(app: str) -> None:
    result = CliRunner().invoke(explain, [
        "-f", app, "--from", "productpage", "--request", "GET http://reviews:9080/x", "-H", "end-user: jason",
    ])  # fmt: skip
    assert result.exit_code == 0, result.output
    assert f"-> {app}:22 VirtualService default/reviews rule 0" in result.output
    assert "100.0% outbound|9080|v2|reviews.default.svc.cluster.local" in result.output


def test_many_requests_as_json(app: str, tmp_path: Path) -> None:
    batch = tmp_path / "requests.json"
    batch.write_text(json.dumps([{"host": "reviews", "port": 9080}, {"proxy": "gateway", "host": "a"}]))
    result = CliRunner().invoke(explain, ["-f", app, "--requests", str(batch), "-o", "json"])
    first, second = json.loads(result.output)
    assert (first["outcome"], first["virtual_host"]) == ("route", "reviews.default.svc.cluster.local:9080")
    assert (second["outcome"], second["error"]) == ("refused", "no_listener")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "give either"),
        (["--request", "reviews"], 2, "is not METHOD"),
        (["--from", "nobody", "--request", "GET http://a/"], 1, "no pod and no Deployment default/nobody"),
    ],
)
def test_wrong_usage(app: str, options: list[str], code: int, message: str) -> None:
    result = CliRunner().invoke(explain, ["-f", app, *options])
    assert (result.exit_code, message in result.output) == (code, True), result.output


def test_what_a_proxy_would_refuse_is_said(app: str) -> None:
    path = Path(app)
    path.write_text(APP.replace("uri: {prefix: /old}", "uri: {regex: '['}"))
    result = CliRunner().invoke(explain, ["-f", app, "--from", "productpage", "--request", "GET http://reviews:9080/"])
    assert result.exit_code == 1
    assert "a proxy would refuse this configuration: 9080: " in result.output
