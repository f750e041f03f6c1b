"""What is wrong between objects, in Istio's message codes. Pure: documents in, findings out.

model, messages        the objects with their places; codes, levels and sentences
run                    the table of analyzers, suppression, order
everything else        one file for each thing that is looked at
"""
