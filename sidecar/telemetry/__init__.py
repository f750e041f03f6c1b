"""What the data plane says about its work: statistics, access logs, spans.

The hot path counts integers and hands over one `ExchangeRecord` per request or connection; everything that formats,
serialises or writes runs later, in batches (design.md section 4).
"""
