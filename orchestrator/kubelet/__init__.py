"""The kubelet: runs the pods that are bound to this node, and says how they are."""
