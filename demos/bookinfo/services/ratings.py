"""How many stars each reviewer gave."""

from __future__ import annotations

from web import Request, Response, reply, serve


def ratings(_request: Request) -> Response:
    return reply({"id": 0, "ratings": {"Reviewer1": 5, "Reviewer2": 4}})


if __name__ == "__main__":
    serve({"/health": lambda _request: reply({"status": "Ratings is healthy"}), "/ratings/*": ratings})
