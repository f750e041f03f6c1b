"""Goal: ports are chosen once and kept; a taken port names the setting to change."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from orchestrator.supervisor_settings import INGRESS_PORTS, PORTS, Settings, SettingsError, choose, load, save

FREE = {port.key: 0 for port in PORTS}


def test_chosen_ports_are_kept() -> None:
    first = choose(None, name=None, ports=FREE)
    assert first.name == "pocketmesh" and len(set(first.ports.values())) == 4
    again = choose(first, name=None, ports={})
    assert again.ports == first.ports
    assert set(again.automatic) == set(FREE)
    assert choose(first, name=None, ports=FREE).ports == first.ports


def test_a_kept_port_that_is_taken_is_chosen_anew() -> None:
    first = choose(None, name=None, ports=FREE)
    with socket.create_server(("127.0.0.1", first.ports["apiPort"])):
        second = choose(first, name=None, ports={})
    assert second.ports["apiPort"] != first.ports["apiPort"]
    assert second.ports["xdsPort"] == first.ports["xdsPort"]


def test_a_kept_port_is_waited_for() -> None:
    first = choose(None, name=None, ports=FREE)
    taken = socket.create_server(("127.0.0.1", first.ports["apiPort"]))
    ending = threading.Timer(0.1, taken.close)
    ending.start()
    assert choose(first, name=None, ports={}).ports == first.ports
    ending.join()


def test_a_named_port_that_is_taken_says_what_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"port {port} for the ingress gateway \(HTTP\)") as refused:
            choose(None, name=None, ports={**FREE, "ingressHttpPort": port})
    assert "mesh up --ingress-http-port PORT" in str(refused.value)


@pytest.mark.parametrize("named", [True, False])
def test_a_port_that_our_gateway_still_holds_is_kept(named: bool) -> None:
    first = choose(None, name=None, ports=FREE)
    port = first.ports["ingressHttpPort"]
    if named:
        first = choose(first, name=None, ports={"ingressHttpPort": port})
    with socket.create_server(("127.0.0.1", port)):
        assert choose(first, name=None, ports={}, held_by_us=INGRESS_PORTS) == first
        with pytest.raises(SettingsError, match="cannot be used"):
            choose(None, name=None, ports={**FREE, "ingressHttpPort": port}, held_by_us=INGRESS_PORTS)


def test_a_number_given_once_stays_and_can_be_changed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    first = choose(None, name="staging", ports={**FREE, "apiPort": port})
    assert first.ports["apiPort"] == port and "apiPort" not in first.automatic
    second = choose(first, name=None, ports={})
    assert (second.ports["apiPort"], second.name) == (port, "staging")
    assert choose(second, name=None, ports={"apiPort": 0}).automatic.count("apiPort") == 1


def test_contexts() -> None:
    assert Settings("pocketmesh", {}).context == "pocketmesh"
    assert Settings("staging", {}).context == "pocketmesh-staging"


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    assert load(path) is None
    settings = Settings("a", {"apiPort": 1}, ("apiPort",))
    save(path, settings)
    assert load(path) == settings
    path.write_text("{")
    with pytest.raises(SettingsError, match="delete it"):
        load(path)
