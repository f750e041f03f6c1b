"""The real control plane and API server, for what speaks to them."""

from tests.mesh.conftest import api, client, cluster, plane

__all__ = ["api", "client", "cluster", "plane"]
