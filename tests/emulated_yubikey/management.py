"""The management key (9B): mutual authentication (SP 800-73-4 part 2, 3.2.4, cases of appendix A) and its change."""
from __future__ import annotations

import hmac
import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from . import tlv
from .apdu import CardError, Status
from .state import Algorithm, ManagementKey

KEY_SIZE = {Algorithm.TDES: 24, Algorithm.AES128: 16, Algorithm.AES192: 24, Algorithm.AES256: 32}


class ManagementLogin:
    """One authentication under way; forgotten with the power."""

    def __init__(self) -> None:
        self.authenticated = False
        self._witness: bytes | None = None
        self._challenge: bytes | None = None

    def reset(self) -> None:
        self.__init__()  # type: ignore[misc]

    def step(self, key: ManagementKey, algorithm: int, template: dict[int, bytes]) -> bytes:
        """One GENERAL AUTHENTICATE's template in, the answer's template out."""
        if algorithm != key.algorithm:
            raise CardError(Status.WRONG_DATA)
        block = 8 if algorithm == Algorithm.TDES else 16
        if template.get(0x80) == b"":  # the client asks for a witness
            self._forget()
            self._witness = os.urandom(block)
            return tlv.encode(0x80, encrypt(key, self._witness))
        if 0x80 in template and 0x81 in template:
            return self._mutual(key, template, block)
        if template.get(0x81) == b"":  # the client asks for a challenge
            self._forget()
            self._challenge = os.urandom(block)
            return tlv.encode(0x81, self._challenge)
        if 0x82 in template:
            self._single(key, template[0x82])
            return b""
        raise CardError(Status.WRONG_DATA)

    def _mutual(self, key: ManagementKey, template: dict[int, bytes], block: int) -> bytes:
        witness, challenge = self._witness, template[0x81]
        self._forget()
        if witness is None or len(challenge) != block:
            raise CardError(Status.WRONG_DATA)
        if not hmac.compare_digest(witness, template[0x80]):
            raise CardError(Status.SECURITY_STATUS)
        self.authenticated = True
        return tlv.encode(0x82, encrypt(key, challenge))

    def _single(self, key: ManagementKey, response: bytes) -> None:
        challenge = self._challenge
        self._forget()
        if challenge is None:
            raise CardError(Status.WRONG_DATA)
        if not hmac.compare_digest(encrypt(key, challenge), response):
            raise CardError(Status.SECURITY_STATUS)
        self.authenticated = True

    def _forget(self) -> None:
        self._witness = self._challenge = None


def encrypt(key: ManagementKey, block: bytes) -> bytes:
    raw = bytes.fromhex(key.key)
    cipher = algorithms.TripleDES(raw) if key.algorithm == Algorithm.TDES else algorithms.AES(raw)
    encryptor = Cipher(cipher, modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()
