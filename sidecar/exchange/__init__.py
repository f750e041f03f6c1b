"""One request or one tunnel on its way through: route, pick, forward, retry, answer, record."""
