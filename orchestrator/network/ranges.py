"""The address ranges of a mesh, the same on every machine because nothing of them is ever on a wire."""

from __future__ import annotations

from ipaddress import IPv4Network

POD_NETWORK = IPv4Network("10.244.0.0/16")
SERVICE_NETWORK = IPv4Network("10.96.0.0/12")
EXTERNAL_NETWORK = IPv4Network("240.240.0.0/16")
"""ServiceEntry hosts without an address of their own get one from here (Istio's automatic allocation)."""
DNS_ADDRESS = "10.96.0.10"
