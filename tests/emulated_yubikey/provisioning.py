"""Makes a card ready at once, where a person would use yubico-piv-tool for minutes: keys with certificates (OpenSC sees no
key without one) and a CHUID (from which OpenSC takes the card's serial number)."""
from __future__ import annotations

import datetime
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from . import keys, tlv
from .session import pin_policy_for, touch_policy_for
from .state import CardState, Origin, PinPolicy, StoredKey, TouchPolicy

_CHUID = "5fc102"
_CERTIFICATES = {"9a": "5fc105", "9c": "5fc10a", "9d": "5fc10b", "9e": "5fc101",
                 **{f"{slot:02x}": f"{0x5FC10D + slot - 0x82:06x}" for slot in range(0x82, 0x96)}}
# No FASC-N of an agency (FIPS 201: nines), as yubico-piv-tool's set-chuid writes it.
_FASC_N = bytes.fromhex("d4e739da739ced39ce739d836858210842108421c842 10c3eb".replace(" ", ""))


def make_key(state: CardState, slot: str, algorithm: int, pin: int = PinPolicy.DEFAULT,
             touch: int = TouchPolicy.DEFAULT) -> bytes:
    """A key generated in that slot, and a certificate over it; the PEM of its public key."""
    key = keys.generate(algorithm)
    number = int(slot, 16)
    state.keys[slot] = StoredKey(algorithm, keys.to_hex(key), Origin.GENERATED, pin_policy_for(number, pin),
                                 touch_policy_for(touch))
    certificate = _self_signed(key, slot)
    state.objects[_CERTIFICATES[slot]] = (tlv.encode(0x70, certificate) + b"\x71\x01\x00\xfe\x00").hex()
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def set_chuid(state: CardState) -> None:
    """With a GUID that is new (SP 800-73-4 part 1, 3.1.2)."""
    state.objects[_CHUID] = (tlv.encode(0x30, _FASC_N) + tlv.encode(0x34, uuid.uuid4().bytes) +
                             tlv.encode(0x35, b"20520417") + b"\x3e\x00\xfe\x00").hex()


def _self_signed(key: keys.PrivateKey, slot: str) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"slot {slot}")])
    begin = datetime.datetime(2024, 1, 1)
    digest = None if isinstance(key, keys.ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(begin)
            .not_valid_after(begin.replace(year=2052)).sign(key, digest).public_bytes(serialization.Encoding.DER))
