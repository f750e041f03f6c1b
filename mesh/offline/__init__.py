"""What can be said about configuration without a running mesh.

documents  files -> objects with the line of every field
verdicts   is each object right by itself (structure and meaning)
request, filter_chains, explain, origin
           where a request would go, asked of the data plane's own routing engine, and which rule decides
"""
