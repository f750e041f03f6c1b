"""The normalised view of a ServiceEntry."""

from __future__ import annotations

from mesh.istio.service_entry import EntryPort, service_entry


def test_defaults() -> None:
    found = service_entry({"metadata": {"name": "a"}, "spec": {"hosts": ["API.example.com"]}})
    assert found.hosts == ("api.example.com",)
    assert found.resolution == "NONE"
    assert found.external
    assert found.workload_selector is None


def test_fields() -> None:
    found = service_entry(
        {
            "metadata": {"name": "a", "namespace": "ns"},
            "spec": {
                "hosts": ["db"],
                "location": "MESH_INTERNAL",
                "resolution": "STATIC",
                "ports": [{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 8080}],
                "endpoints": [{"address": "1.2.3.4", "ports": {"http": 81}, "locality": "r/z", "serviceAccount": "sa"}],
            },
        }
    )
    assert not found.external
    assert found.ports == (EntryPort(80, "http", "HTTP", 8080),)
    (endpoint,) = found.endpoints
    assert (endpoint.address, endpoint.ports, endpoint.weight, endpoint.service_account) == (
        "1.2.3.4",
        {"http": 81},
        1,
        "sa",
    )
