"""What is particular to each kind: defaults and validation, pure functions over objects."""
