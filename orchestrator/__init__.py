"""A small Kubernetes for one machine: API server, store, controllers, scheduler, kubelet, runtimes."""
