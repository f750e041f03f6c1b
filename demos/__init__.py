"""Applications that show what a mesh does."""
