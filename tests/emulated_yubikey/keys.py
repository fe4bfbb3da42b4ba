"""Private keys in software: what a PIV card computes with them."""
from __future__ import annotations

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from . import tlv
from .apdu import CardError, Status
from .state import Algorithm, StoredKey

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

RSA_BITS = {Algorithm.RSA1024: 1024, Algorithm.RSA2048: 2048, Algorithm.RSA3072: 3072, Algorithm.RSA4096: 4096}
CURVES: dict[int, type[ec.EllipticCurve]] = {Algorithm.P256: ec.SECP256R1, Algorithm.P384: ec.SECP384R1}
SINCE_5_7 = (Algorithm.RSA3072, Algorithm.RSA4096, Algorithm.ED25519)
RSA_EXPONENT = 65537


def supported(algorithm: int, version: tuple[int, int, int]) -> bool:
    if algorithm in SINCE_5_7:
        return version >= (5, 7, 0)
    return algorithm in RSA_BITS or algorithm in CURVES


def generate(algorithm: int) -> PrivateKey:
    if algorithm in RSA_BITS:
        return rsa.generate_private_key(RSA_EXPONENT, RSA_BITS[Algorithm(algorithm)])
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm]())
    return ed25519.Ed25519PrivateKey.generate()


def imported(algorithm: int, parts: dict[int, bytes]) -> PrivateKey:
    """From IMPORT ASYMMETRIC KEY's values: 01 .. 05 for RSA's primes and exponents, 06 an EC scalar, 07 Ed25519."""
    try:
        if algorithm in RSA_BITS:
            return _rsa_from_primes(RSA_BITS[Algorithm(algorithm)], *(int.from_bytes(parts[tag], "big") for tag in (1, 2)))
        if algorithm in CURVES:
            return ec.derive_private_key(int.from_bytes(parts[6], "big"), CURVES[algorithm]())
        return ed25519.Ed25519PrivateKey.from_private_bytes(parts[7])
    except (KeyError, ValueError) as error:
        raise CardError(Status.WRONG_DATA) from error


def _rsa_from_primes(bits: int, p: int, q: int) -> rsa.RSAPrivateKey:
    if (p * q).bit_length() != bits:
        raise ValueError("another size than the algorithm's")
    d = pow(RSA_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(RSA_EXPONENT, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q),
                                 rsa.rsa_crt_iqmp(p, q), public).private_key()


def to_hex(key: PrivateKey) -> str:
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).hex()


def load(stored: StoredKey) -> PrivateKey:
    key = serialization.load_der_private_key(bytes.fromhex(stored.pkcs8), None)
    assert isinstance(key, PrivateKey)
    return key


def public_template(key: PublicKey) -> bytes:
    """What stands in the answer's 7F49: 81 and 82 for RSA, 86 for a point (SP 800-73-4 part 2, table 11)."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return (tlv.encode(0x81, numbers.n.to_bytes(key.key_size // 8, "big")) +
                tlv.encode(0x82, numbers.e.to_bytes(3, "big")))
    if isinstance(key, ed25519.Ed25519PublicKey):
        return tlv.encode(0x86, key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))
    return tlv.encode(0x86, key.public_bytes(serialization.Encoding.X962,
                                             serialization.PublicFormat.UncompressedPoint))


def sign(key: PrivateKey, data: bytes) -> bytes:
    """GENERAL AUTHENTICATE's answer to a challenge: raw RSA, ECDSA over the digest that was sent, Ed25519."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        return _raw_rsa(key, data)
    size = (key.curve.key_size + 7) // 8
    if len(data) > size:
        raise CardError(Status.WRONG_DATA)
    digest = Prehashed(hashes.SHA256() if size == 32 else hashes.SHA384())
    return key.sign(data.rjust(size, b"\0"), ec.ECDSA(digest))


def _raw_rsa(key: rsa.RSAPrivateKey, data: bytes) -> bytes:
    size = key.key_size // 8
    numbers = key.private_numbers()
    value = int.from_bytes(data, "big")
    if len(data) != size or value >= numbers.public_numbers.n:
        raise CardError(Status.WRONG_DATA)
    m1 = pow(value, numbers.dmp1, numbers.p)
    m2 = pow(value, numbers.dmq1, numbers.q)
    return (m2 + (numbers.iqmp * (m1 - m2) % numbers.p) * numbers.q).to_bytes(size, "big")


def agree(key: PrivateKey, point: bytes) -> bytes:
    """ECDH with a peer's uncompressed point."""
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CardError(Status.WRONG_DATA)
    try:
        return key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(key.curve, point))
    except ValueError as error:
        raise CardError(Status.WRONG_DATA) from error
