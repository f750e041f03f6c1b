"""`/debug/*`: what the control plane knows, for the command line. Guarded by TokenReview."""
