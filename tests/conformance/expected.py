"""What cannot be, by name: which error says so, and why."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cannot:
    """outcome: a regular expression for all of the error's short name and the Cryptoki return value in its message; or for
    "no such key". why: for docs/modules.md, a part of a sentence."""
    outcome: str
    why: str


_NO_KEY = "no such key"
_NO_ED25519 = Cannot(_NO_KEY, "it has no Ed25519 key to sign with")
_NO_GENERATION = Cannot("MechanismUnsupported", "it makes no keys on a PIV card: make them with "
                        "ykman, and enrol them")
# The host that failed so badly was restarted, and has forgotten its PIN.
_TPM_RSA = Cannot("PinRequired CKR_GENERAL_ERROR", "it pads by itself and has the TPM decrypt the result, which keys that the "
                  "agent makes must not: use ECDSA")
_NO_EC = Cannot("MechanismUnsupported CKR_MECHANISM_INVALID", "its soft token knows RSA only")
_NO_EC_KEY = Cannot(_NO_KEY, _NO_EC.why)

_NO_CERTIFICATE = "write it with ykman piv certificates import"

CANNOT: dict[str, dict[str, Cannot]] = {
    "p11-kit": {
        "makes Ed25519": Cannot("MechanismUnsupported CKR_MECHANISM_INVALID", "p11-kit 0.24's protocol does not know the "
                                "mechanism"),
        "signs ed25519": _NO_ED25519,
    },
    "ykcs11": {
        "makes RSA-3072": Cannot("MechanismUnsupported", "it makes no RSA keys of more than 2048 bits"),
        "makes Ed25519": Cannot("MechanismUnsupported", "it has no such mechanism"),
        "signs ed25519": _NO_ED25519,
        "a certificate is stored beside a key": Cannot("InvalidParameter", "only with the management key, as SO PIN; or "
                                                       + _NO_CERTIFICATE),
        "its token is initialised anew": Cannot("TokenFault CKR_DEVICE_ERROR", "its C_InitToken blocks the PUK by changing "
                                                "it in a way that the emulated card refuses; use ykman piv reset"),
    },
    "OpenSC": {
        "makes ECDSA P-256": _NO_GENERATION,
        "makes ECDSA P-384": _NO_GENERATION,
        "makes RSA-2048": _NO_GENERATION,
        "makes RSA-3072": _NO_GENERATION,
        "makes Ed25519": _NO_GENERATION,
        "signs ed25519": _NO_ED25519,
        "a certificate is stored beside a key": Cannot("TokenFault CKR_FUNCTION_NOT_SUPPORTED", "it writes nothing to a PIV "
                                                       f"card: {_NO_CERTIFICATE}"),
        "its token is initialised anew": Cannot("InvalidParameter CKR_FUNCTION_NOT_SUPPORTED", "it initialises no PIV card: "
                                                "use ykman piv reset"),
    },
    "tpm2-pkcs11": {
        "makes Ed25519": Cannot("MechanismUnsupported CKR_MECHANISM_INVALID", "it has no such mechanism"),
        "signs rsassa-pss-sha256": _TPM_RSA,
        "signs rsassa-pkcs1v15-sha256": _TPM_RSA,
        "signs ed25519": _NO_ED25519,
        "its token is initialised anew": Cannot("InvalidParameter CKR_ARGUMENTS_BAD", "it initialises no token twice: use "
                                                "tpm2_ptool"),
    },
    "openCryptoki": {
        "a key that was there is enrolled": Cannot("KeyRefused", "what pkcs11-tool makes on it is extractable, and refused"),
        "makes ECDSA P-256": _NO_EC,
        "makes ECDSA P-384": _NO_EC,
        "makes Ed25519": _NO_EC,
        "signs ecdsa-sha2-nistp256": _NO_EC_KEY,
        "signs ecdsa-sha2-nistp384": _NO_EC_KEY,
        "signs ed25519": _NO_EC_KEY,
        "its token is initialised anew": Cannot("TokenFault CKR_FUNCTION_FAILED", "it is erased, but the security officer's "
                                                "C_Login, which sets the new PIN, fails after that: use pkcs11-tool"),
    },
}
