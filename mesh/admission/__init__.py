"""The admission webhooks' side of the control plane.

review      AdmissionReview in and out (shared with injection)
validate    what an Istio object means: refused with field paths, or accepted with warnings
references  hosts and subsets that a rule names and that do not exist (yet)
"""
