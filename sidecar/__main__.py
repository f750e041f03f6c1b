"""`python -m sidecar`: a proxy from a file or in a mesh, the zygote that forks proxies, or what they understand."""

from __future__ import annotations

import sys


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] == ["zygote"]:
        from sidecar import zygote

        return zygote.main(arguments[1:])
    if arguments == ["subset"]:
        from sidecar import subset

        return subset.main()
    from sidecar import process

    return process.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
