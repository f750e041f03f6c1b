"""The shop window: a page made of details and reviews, and the same as JSON."""

from __future__ import annotations

import os
from html import escape
from typing import Any

from web import Request, Response, call, reply, serve

DETAILS = os.environ.get("DETAILS_URL", "http://details:9080")
REVIEWS = os.environ.get("REVIEWS_URL", "http://reviews:9080")
RATINGS = os.environ.get("RATINGS_URL", "http://ratings:9080")

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Simple Bookstore App</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}}
blockquote{{border-left:3px solid #bbb;margin:1rem 0;padding:0 1rem}}small{{color:#666}}</style></head>
<body><h1>{title}</h1><section><h2>Book details</h2>{details}</section>
<section data-version="{version}" data-podname="{podname}"><h2>Book reviews</h2>{reviews}</section></body></html>
"""


def page(request: Request) -> Response:
    details_status, book = call(f"{DETAILS}/details/0", request)
    reviews_status, answer = call(f"{REVIEWS}/reviews/0", request)
    if details_status != 200:
        book = {}
    if reviews_status != 200:
        answer = {}
    html = PAGE.format(
        title=escape(str(book.get("title", "The Comedy of Errors"))),
        details=_details(book),
        version=escape(str(answer.get("version", ""))),
        podname=escape(str(answer.get("podname", ""))),
        reviews=_reviews(answer),
    )
    return Response(html.encode(), content_type="text/html; charset=utf-8")


def _details(book: dict[str, Any]) -> str:
    if not book:
        return "<p>Sorry, product details are currently unavailable for this book.</p>"
    rows = "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>" for name, value in book.items())
    return f"<dl>{rows}</dl>"


def _reviews(answer: dict[str, Any]) -> str:
    if not answer:
        return "<p>Sorry, product reviews are currently unavailable for this book.</p>"
    quotes = "".join(
        f"<blockquote><p>{escape(review['text'])}</p><small>{escape(review['reviewer'])}</small>{_stars(review)}"
        "</blockquote>"
        for review in answer.get("reviews", [])
    )
    return f"{quotes}<p>Reviews served by: <code>{escape(str(answer.get('podname', '')))}</code></p>"


def _stars(review: dict[str, Any]) -> str:
    rating = review.get("rating") or {}
    if "stars" not in rating:
        return f"<p>{escape(str(rating['error']))}</p>" if rating else ""
    return f'<p style="color:{escape(rating["color"])}">{"&#9733;" * int(rating["stars"])}</p>'


def products(_request: Request) -> Response:
    return reply([{"id": 0, "title": "The Comedy of Errors", "descriptionHtml": "A play by Shakespeare."}])


def product(request: Request) -> Response:
    """`/api/v1/products/0[/reviews|/ratings]`: the answer of the service behind, as it came."""
    targets = {"": f"{DETAILS}/details/0", "reviews": f"{REVIEWS}/reviews/0", "ratings": f"{RATINGS}/ratings/0"}
    parts = request.path.removeprefix("/api/v1/products/").strip("/").split("/")
    target = targets.get("/".join(parts[1:])) if parts[0] == "0" else None
    if target is None:
        return reply({"error": "no such product"}, 404)
    status, answer = call(target, request)
    return reply(answer if status == 200 else {"error": answer}, status)


if __name__ == "__main__":
    serve(
        {
            "/health": lambda _request: reply({"status": "Product page is healthy"}),
            "/": page,
            "/productpage": page,
            "/api/v1/products": products,
            "/api/v1/products/*": product,
        }
    )
