"""One call to the URL in the first argument; says what came back. Exit code 0 for an answer, 1 for none."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

TIMEOUT_S = 10.0


def main(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            sys.stdout.write(f"{answer.status} {answer.read(200).decode(errors='replace')}\n")
            return 0
    except urllib.error.HTTPError as failure:
        sys.stdout.write(f"{failure.code} {failure.reason}\n")
        return 0
    except (OSError, urllib.error.URLError) as failure:
        reason = getattr(failure, "reason", failure)
        sys.stdout.write(f"refused: {reason}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
