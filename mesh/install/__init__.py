"""What the mesh needs in the cluster, created if absent, so that one `mesh up` is a whole installation.

manifests   the objects (pure)
gateway     the ingress gateway's Deployment and Service (pure)
webhooks    the webhook configurations (pure)
installer   creates what is missing, repairs what this process decides (ports, certificate authority of webhooks)
"""
