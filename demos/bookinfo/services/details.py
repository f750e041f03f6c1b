"""The facts of a book."""

from __future__ import annotations

from web import Request, Response, reply, serve

BOOK = {
    "id": 0,
    "title": "The Comedy of Errors",
    "author": "William Shakespeare",
    "year": 1595,
    "type": "paperback",
    "pages": 200,
    "publisher": "PublisherA",
    "language": "English",
    "ISBN-10": "1234567890",
    "ISBN-13": "123-1234567890",
}


def details(_request: Request) -> Response:
    return reply(BOOK)


if __name__ == "__main__":
    serve({"/health": lambda _request: reply({"status": "Details is healthy"}), "/details/*": details})
