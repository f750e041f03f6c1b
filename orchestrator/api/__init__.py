"""The Kubernetes API server: REST in, objects stored, watchers told."""
