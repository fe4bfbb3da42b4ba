#!/usr/bin/env python3
"""Makes the vectors in this folder with python-tuf: pip install tuf cryptography, then ./make.py [OUTPUT-FOLDER].

Every run makes new keys and so new files.
"""

import pathlib
import subprocess
import sys
from datetime import datetime, timezone

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
EXPIRES = datetime(2036, 11, 22, 1, 2, 3, tzinfo=timezone.utc)

PRIVATE = {
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "rsa2048": rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}
SIGNERS = {name: CryptoSigner(key) for name, key in PRIVATE.items()}


def write(name, signed, *signers):
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(SIGNERS[signer], append=True)
    metadata.to_file(str(OUT / f"{name}.json"), JSONSerializer())
    return metadata


def root(version, root_keys):
    content = Root(version=version, expires=EXPIRES)
    for name in root_keys:
        content.add_key(SIGNERS[name].public_key, "root")
    content.roles["root"].threshold = 2
    content.add_key(SIGNERS["rsa2048"].public_key, "targets")
    content.add_key(SIGNERS["ed25519"].public_key, "snapshot")
    content.add_key(SIGNERS["p384"].public_key, "timestamp")
    return content


def targets():
    content = Targets(version=3, expires=EXPIRES)
    content.targets["hello"] = TargetFile.from_data("hello", b"hello, world\n", ["sha256", "sha512"])
    content.targets["dir/größe €"] = TargetFile.from_data("dir/größe €", b"", ["sha256"])
    content.targets["hello"].unrecognized_fields["custom"] = {"note": "a \"quoted\" \\ note 😀", "n": -5}
    p384, ed25519_key = SIGNERS["p384"].public_key, SIGNERS["ed25519"].public_key
    content.delegations = Delegations(
        keys={key.keyid: key for key in (p384, ed25519_key)},
        roles={
            "release": DelegatedRole("release", [p384.keyid, ed25519_key.keyid], 2, False, paths=["dir/*"]),
            "bins": DelegatedRole("bins", [p384.keyid], 1, True, path_hash_prefixes=["8f", "a0"]),
        },
    )
    return content


def succinct():
    content = Targets(version=1, expires=EXPIRES)
    key = SIGNERS["p256"].public_key
    content.delegations = Delegations(
        keys={key.keyid: key}, succinct_roles=SuccinctRoles([key.keyid], 1, bit_length=5, name_prefix="bin")
    )
    return content


def main():
    write("1.root", root(1, ["p256", "rsa2048", "ed25519"]), "p256", "rsa2048")
    # The P-256 key leaves and the P-384 key comes: signed by enough of the old and of the new.
    write("2.root", root(2, ["p384", "rsa2048", "ed25519"]), "rsa2048", "ed25519", "p256")
    # As good by the new keys, and one short by the old ones.
    write("2.root_short", root(2, ["p384", "rsa2048", "p256"]), "p384", "p256")
    write("targets", targets(), "rsa2048")
    write("succinct", succinct(), "rsa2048")
    write("release", Targets(version=1, expires=EXPIRES), "p384", "ed25519")
    snapshot = Snapshot(version=4, expires=EXPIRES)
    snapshot.meta = {
        "targets.json": MetaFile.from_data(3, (OUT / "targets.json").read_bytes(), ["sha256"]),
        "release.json": MetaFile(1),
    }
    write("snapshot", snapshot, "ed25519")
    timestamp = Timestamp(version=5, expires=EXPIRES)
    timestamp.snapshot_meta = MetaFile(4)
    write("timestamp", timestamp, "p384")

    with (OUT / "keyids.txt").open("w", encoding="ascii") as keyids:
        for name, signer in SIGNERS.items():
            pem = PRIVATE[name].public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            (OUT / f"{name}.pub.pem").write_bytes(pem)
            if name != "ed25519":  # which ssh-keygen does not read
                command = ["ssh-keygen", "-i", "-m", "PKCS8", "-f", OUT / f"{name}.pub.pem"]
                (OUT / f"{name}.ssh").write_bytes(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            keyids.write(f"{signer.public_key.keyid}  {name}.pub.pem\n")
    (OUT / "targets.canonical").write_bytes(Metadata.from_file(str(OUT / "targets.json")).signed_bytes)
    (OUT / "1.root.canonical").write_bytes(Metadata.from_file(str(OUT / "1.root.json")).signed_bytes)


main()
