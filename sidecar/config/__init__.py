"""What the proxy understands of Envoy's v3 API: one frozen struct a message, named and spelt as Envoy's.

`parse.parse` turns JSON into a resource or a `Refusal` (path, reason). It is strict: a field or value that the data
plane does not honour is refused, never ignored. Accepted without any effect are only names for people and statistics
(`stat_prefix`, `alt_stat_name`, `runtime_key`: there is no runtime, the default holds).
"""
