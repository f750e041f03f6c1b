"""What can be said about configuration without a running mesh.

documents  files -> objects with the line of every field
verdicts   is each object right by itself (structure and meaning)
"""
