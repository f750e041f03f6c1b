"""How objects look in `kubectl get`: columns and cells of each kind, pure functions over objects."""
