"""Which way a request goes: routes compiled to look-ups, decisions as values. Pure; chance is an argument.

`table.RouteTable.compile` makes a table of a RouteConfiguration; its `route` a `decision.RouteDecision` of a request.
"""
