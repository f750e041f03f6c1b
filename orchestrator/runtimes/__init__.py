"""Makers of pods: the sandbox of namespaces (ordinary containers) and the sidecar zygote (proxies)."""
