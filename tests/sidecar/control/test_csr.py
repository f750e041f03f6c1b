"""The key's maker as the process it is: the request names the workload, the key is in the descriptor and fits."""

from __future__ import annotations

import os
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

SPIFFE = "spiffe://cluster.local/ns/default/sa/web"


def test_key_and_request() -> None:
    descriptor = os.memfd_create("key")
    done = subprocess.run(
        [sys.executable, "-m", "sidecar.control.csr", str(descriptor), SPIFFE],
        pass_fds=(descriptor,),
        capture_output=True,
        check=True,
    )
    os.lseek(descriptor, 0, os.SEEK_SET)
    pem = os.read(descriptor, 10_000)
    os.close(descriptor)
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    request = x509.load_pem_x509_csr(done.stdout)
    assert request.is_signature_valid
    assert request.public_key() == key.public_key()
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [SPIFFE]
    assert b"PRIVATE" not in done.stdout + done.stderr
