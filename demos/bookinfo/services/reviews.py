"""What readers thought of a book. v1 has no stars; v2 asks the ratings for black ones, v3 for red ones.

Each answer says which version and which pod gave it, and who the mesh says has called: that is how the
demonstration counts a split without asking the mesh.
"""

from __future__ import annotations

import os
from typing import Any

from web import VERSION, Request, Response, call, pod_name, reply, serve

RATINGS = os.environ.get("RATINGS_URL", "http://ratings:9080")
STAR_COLOR = {"v2": "black", "v3": "red"}

TEXTS = {
    "Reviewer1": "An extremely entertaining play. The slapstick humour is refreshing!",
    "Reviewer2": "Absolutely fun and entertaining. The play lacks thematic depth compared to others of its time.",
}


def reviews(request: Request) -> Response:
    stars = _stars(request) if VERSION in STAR_COLOR else {}
    return reply(
        {
            "id": "0",
            "version": VERSION,
            "podname": pod_name(),
            "caller": request.headers.get("x-forwarded-client-cert", ""),
            "reviews": [{"reviewer": who, "text": text, **stars.get(who, {})} for who, text in TEXTS.items()],
        }
    )


def _stars(request: Request) -> dict[str, dict[str, Any]]:
    status, answer = call(f"{RATINGS}/ratings/0", request)
    if status != 200:
        return {who: {"rating": {"error": "Ratings service is currently unavailable"}} for who in TEXTS}
    color = STAR_COLOR[VERSION]
    return {who: {"rating": {"stars": stars, "color": color}} for who, stars in answer["ratings"].items()}


if __name__ == "__main__":
    serve({"/health": lambda _request: reply({"status": "Reviews is healthy"}), "/reviews/*": reviews})
