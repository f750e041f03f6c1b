"""Addresses and traffic of pods: IPAM, the node proxy for pods without a sidecar, cluster DNS."""
