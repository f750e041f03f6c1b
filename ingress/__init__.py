"""The ingress gateway: the sidecar's engine with a front door."""
