"""API machinery shared by everybody who speaks the Kubernetes API; it imports nothing else of ours."""
