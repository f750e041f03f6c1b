"""The tables of proxy-config are drawn from Envoy's resources."""

from __future__ import annotations

from mesh.cli.proxy import VIEWS


def test_routes() -> None:
    config = {
        "name": "9080",
        "virtual_hosts": [
            {
                "name": "reviews:9080",
                "routes": [
                    {
                        "match": {"prefix": "/"},
                        "route": {
                            "weighted_clusters": {
                                "clusters": [{"name": "v1", "weight": 90}, {"name": "v2", "weight": 10}]
                            }
                        },
                    },
                    {"match": {"path": "/x"}, "redirect": {}},
                    {"match": {"safe_regex": {"regex": "a.*"}}, "direct_response": {"status": 404}},
                ],
            }
        ],
    }
    assert VIEWS["route"][1](config) == [
        ["9080", "reviews:9080", "/*", "v1 90, v2 10"],
        ["9080", "reviews:9080", "/x", "redirect"],
        ["9080", "reviews:9080", "regex a.*", "direct 404"],
    ]


def test_endpoints_show_the_pod_not_its_socket() -> None:
    assignment = {
        "cluster_name": "outbound|80||web",
        "endpoints": [
            {
                "lb_endpoints": [
                    {
                        "endpoint": {"address": {"pipe": {"path": "/run/x"}}},
                        "metadata": {
                            "filter_metadata": {"envoy.filters.listener.original_dst": {"local": "10.244.0.5:80"}}
                        },
                    },
                    {"endpoint": {"address": {"socket_address": {"address": "1.2.3.4", "port_value": 81}}}},
                ]
            }
        ],
    }
    assert [row[0] for row in VIEWS["endpoint"][1](assignment)] == ["10.244.0.5:80", "1.2.3.4:81"]


def test_listeners_and_clusters() -> None:
    listener = {
        "name": "l",
        "address": {"pipe": {"path": "/p"}},
        "filter_chains": [{}],
        "default_filter_chain": {"name": "d"},
    }
    assert VIEWS["listener"][1](listener) == [["l", "/p", "2"]]
    assert VIEWS["cluster"][1]({"name": "c", "type": "EDS"}) == [["c", "EDS", "ROUND_ROBIN"]]
