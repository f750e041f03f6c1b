"""Compiles the mesh's state into Envoy v3 resources in JSON form, one proxy at a time. Pure.

    compile_proxy(state, proxy) -> ProxyResources
    compile_endpoints(state, cluster_name) -> ClusterLoadAssignment | None
    affected_clusters(...)  which EDS resources an endpoint change touches

`compile.py` is the table of contents: each file beside it makes one kind of resource.
"""

from mesh.translate.compile import ProxyResources, compile_endpoints, compile_proxy

__all__ = ["ProxyResources", "compile_endpoints", "compile_proxy"]
