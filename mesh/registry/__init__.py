"""What runs in the mesh: services, endpoints and workloads, read from Kubernetes objects and ServiceEntries.

service   a name that is called: hostname, addresses, ports with their protocol
endpoint  one address behind a service's port, with labels and identity
workload  one pod, as the proxy that serves it

`MeshState` holds all of it together with the Istio configuration as one immutable value.
"""
