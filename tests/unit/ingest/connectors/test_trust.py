"""A file of certificates is trusted beside the system's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from services.ingest.connectors.trust import bundle_fault, trust


def root() -> x509.Certificate:
    """A root of its own making."""
    key, began = ec.generate_private_key(ec.SECP256R1()), datetime(2026, 1, 1, tzinfo=UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root of the tests")])
    unsigned = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = unsigned.not_valid_before(began).not_valid_after(began + timedelta(days=3_650)).serial_number(7)
    return dated.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, SHA256())


def test_what_a_bundle_holds_is_trusted_beside_the_system_s(tmp_path: Path) -> None:
    certificate, bundle = root(), tmp_path / "корень.pem"
    bundle.write_bytes(certificate.public_bytes(Encoding.PEM))
    assert bundle_fault(str(bundle)) is None
    trusted, before = (trust(path).get_ca_certs(binary_form=True) for path in (bundle, None))
    assert certificate.public_bytes(Encoding.DER) in trusted
    assert len(trusted) == len(before) + 1


def test_no_bundle_is_no_fault() -> None:
    assert bundle_fault("") is None
