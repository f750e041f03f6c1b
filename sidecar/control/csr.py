"""`python -m sidecar.control.csr FD SPIFFE_ID`: a new P-256 key into descriptor FD, its signing request to stdout.

A process of its own because cryptography costs 16 MB: it lives for a moment, the sidecar never imports it. The key goes
into a memfd and is never on a disk, in an argument, or in a pipe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from sidecar.control import isolation

    isolation.harden()
    descriptor, spiffe_id = int(argv[0]), argv[1]
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with os.fdopen(descriptor, "wb") as output:
        output.write(pem)
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe_id)])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(names, critical=True)
        .sign(key, hashes.SHA256())
    )
    sys.stdout.write(request.public_bytes(serialization.Encoding.PEM).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
