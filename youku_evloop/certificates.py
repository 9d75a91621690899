"""The server's certificate: given by the operator, or made once for this library and pinned by its clients."""

from __future__ import annotations

import hashlib
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

LIFETIME: Final = timedelta(days=3650)
"""A pinned certificate proves itself by being the same one, so it need not expire soon."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """For the server's side of a connection, TLS 1.2 or newer; raises `OSError` (`ssl.SSLError` is one)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        return context

    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as clients pin it: `sha256:` and 64 hexadecimal digits."""
        first = self.certificate.read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
        der = ssl.PEM_cert_to_DER_cert(first[first.index("-----BEGIN CERTIFICATE-----") :])
        return "sha256:" + hashlib.sha256(der).hexdigest()


def own_identity(directory: Path) -> Identity:
    """The self-signed identity in `directory`, made at the first call."""
    identity = Identity(directory / "certificate.pem", directory / "key.pem")
    if not identity.certificate.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(identity)
    return identity


def _make(identity: Identity) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "youku")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    _write(identity.key, key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    _write(identity.certificate, certificate.public_bytes(encoding))  # last: its presence says that both are there


def _write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:
        file.write(data)
