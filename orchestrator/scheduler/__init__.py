"""Which node a pod runs on. There is one, so the question is only whether it may."""
