"""Attestation: certificates by which a card says that it made a key itself. The CA is the tests' own.

The chain is a YubiKey's: root CA, the card's attestation key in slot f9 with its certificate (object 5FFF01), and a
certificate for the slot, made on demand. Yubico's extensions: developers.yubico.com/PIV/Introduction/PIV_attestation.html
"""
from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from . import keys, tlv
from .state import Algorithm, CardState, Origin, PinPolicy, StoredKey, TouchPolicy

SLOT = "f9"
CERTIFICATE_OBJECT = "5fff01"
_YUBICO = "1.3.6.1.4.1.41482.3."
FIRMWARE = ObjectIdentifier(_YUBICO + "3")  # three bytes
SERIAL = ObjectIdentifier(_YUBICO + "7")  # an INTEGER
POLICY = ObjectIdentifier(_YUBICO + "8")  # two bytes: PIN policy, touch policy
FORM_FACTOR = ObjectIdentifier(_YUBICO + "9")  # one byte

_BEGIN = datetime.datetime(2016, 3, 14)  # as on real ones: long ago, and far ahead
_END = datetime.datetime(2052, 4, 17)


class AttestationCa:
    """The root, in a directory: root.pem for who verifies, root.key for new cards. Made on first use."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.certificate_file = directory / "root.pem"
        key_file = directory / "root.key"
        if not key_file.exists():
            self._create(key_file)
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        self._name = x509.load_pem_x509_certificate(self.certificate_file.read_bytes()).subject

    def _create(self, key_file: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Signet test PIV root CA")
        certificate = _builder(name, name, key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=1), critical=True).sign(key, hashes.SHA256())
        self.certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.touch(mode=0o600)
        key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))

    def personalise(self, state: CardState) -> None:
        """Gives a card its attestation key and certificate."""
        key = keys.generate(Algorithm.RSA2048)
        certificate = _builder(_name("Yubico PIV Attestation"), self._name, key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True).add_extension(
            x509.UnrecognizedExtension(FIRMWARE, bytes(state.version)), critical=False).sign(
            self._key, hashes.SHA256())
        state.keys[SLOT] = StoredKey(Algorithm.RSA2048, keys.to_hex(key), Origin.IMPORTED, PinPolicy.NEVER,
                                     TouchPolicy.NEVER)
        der = certificate.public_bytes(serialization.Encoding.DER)
        state.objects[CERTIFICATE_OBJECT] = (tlv.encode(0x70, der) + b"\x71\x01\x00\xfe\x00").hex()


def attest(state: CardState, slot: str) -> bytes:
    """The DER certificate for the key in that slot; the caller has seen that it was generated there."""
    issuer = x509.load_der_x509_certificate(tlv.members(bytes.fromhex(state.objects[CERTIFICATE_OBJECT]))[0x70])
    stored = state.keys[slot]
    builder = _builder(_name(f"YubiKey PIV Attestation {slot}"), issuer.subject, keys.load(stored).public_key())
    serial = state.serial.to_bytes(state.serial.bit_length() // 8 + 1, "big")
    for oid, value in ((FIRMWARE, bytes(state.version)), (SERIAL, tlv.encode(0x02, serial)),
                       (POLICY, bytes([stored.pin_policy, stored.touch_policy])),
                       (FORM_FACTOR, bytes([state.form_factor]))):
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
    signer = keys.load(state.keys[SLOT])
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: keys.PublicKey) -> x509.CertificateBuilder:
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
            .serial_number(x509.random_serial_number()).not_valid_before(_BEGIN).not_valid_after(_END))
