"""python-tuf verifies a repository that the agent signed: all four schemes, a root rotation, a delegation; and refuses
it as soon as one byte of any of its files is another."""
import json
import random
import unittest

from securesystemslib.exceptions import StorageError
from securesystemslib.formats import encode_canonical
from tuf.api.exceptions import DownloadError, RepositoryError

from agent_fixture import Agent, Scratch, SoftToken, toml_for
from tuf_client import Mirror, fetch, served
from tuf_publisher import Publisher, agent_key, new_delegations, new_root, new_snapshot, new_targets, new_timestamp
from varlink_client import VarlinkError

# Every scheme serves alone in some role, so that none can hide behind a threshold.
KEYS = {"root-p256": "ecdsa-p256", "root-rsa": "rsa-3072", "root-ed": "ed25519", "root-new": "ecdsa-p384",
        "targets": "ecdsa-p384", "snapshot": "ed25519", "timestamp": "ecdsa-p256", "timestamp-new": "rsa-4096",
        "releases": "rsa-2048"}
SCHEMES = {"ecdsa-p256": "ecdsa-sha2-nistp256", "ecdsa-p384": "ecdsa-sha2-nistp384", "ed25519": "ed25519",
           "rsa-2048": "rsassa-pss-sha256", "rsa-3072": "rsassa-pss-sha256", "rsa-4096": "rsassa-pss-sha256"}
REPOSITORY = "example.org/python-tuf"
README, RELEASE = ("README", b"Signed by keys that never left their token.\n"), ("releases/tool-1.0.tar", bytes(range(256)) * 40)
REFUSALS = (RepositoryError, DownloadError, StorageError, ValueError)


def generate_keys(agent, keys, token="release"):
    with agent.connect(timeout=300) as connection:
        for name, algorithm in keys.items():
            connection.call("GenerateKey", token=token, name=name, algorithm=algorithm, uses=["tuf"])
    return {name: agent_key(agent, name) for name in keys}


def publish(agent, keys):
    """Root 1, targets, the delegation, snapshot and timestamp; then root 2, which replaces a root key and the
    timestamp key, and a second timestamp."""
    publisher = Publisher(REPOSITORY)
    with agent.connect() as connection:
        connection.call("CreateRepository", name=REPOSITORY, format="tuf")

    def sign(role, metadata, *names):
        return publisher.sign(role, metadata, [(agent, keys[name]) for name in names])

    roles = {"root": ["root-p256", "root-rsa", "root-ed"], "targets": ["targets"], "snapshot": ["snapshot"],
             "timestamp": ["timestamp"]}
    text = sign("root", new_root(1, keys, roles, {"root": 2}), *roles["root"])
    publisher.observe(agent, "root", text)
    files = [publisher.add_target(*README)]
    text = sign("targets", new_targets(1, files, new_delegations("releases", keys["releases"], ["releases/*"])), "targets")
    publisher.observe(agent, "targets", text)
    sign("releases", new_targets(1, [publisher.add_target(*RELEASE)]), "releases")
    sign("snapshot", new_snapshot(1, {"targets": 1, "releases": 1}), "snapshot")
    sign("timestamp", new_timestamp(1, 1), "timestamp")

    roles = {**roles, "root": ["root-rsa", "root-ed", "root-new"], "timestamp": ["timestamp-new"]}
    text = sign("root", new_root(2, keys, roles, {"root": 2}), "root-p256", "root-rsa", "root-ed", "root-new")
    publisher.observe(agent, "root", text)
    sign("timestamp", new_timestamp(2, 1), "timestamp-new")
    return publisher


class PythonTuf(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch()
        cls.addClassCleanup(cls.scratch.__exit__)
        tokens = SoftToken(cls.scratch.path / "softhsm", "release")
        cls.agent = cls.enterClassContext(Agent(cls.scratch.path / "agent", toml_for(tokens)))
        cls.keys = generate_keys(cls.agent, KEYS)
        cls.published = publish(cls.agent, cls.keys)
        cls.mirror = cls.enterClassContext(Mirror({}))

    def fetch(self, files, anchor=None, paths=(README[0], RELEASE[0])):
        self.mirror.files = files
        return fetch(self.mirror.url, anchor or self.published.metadata["1.root.json"], paths)

    def files(self):
        return served(self.published.metadata, self.published.targets)

    def test_a_new_client_gets_every_target_through_both_roots(self):
        version, found = self.fetch(self.files())
        self.assertEqual(version, 2)
        self.assertEqual(found, dict((README, RELEASE)))

    def test_every_signature_verifies_with_its_own_key_and_scheme(self):
        by_id = {key.keyid: (name, key) for name, key in self.keys.items()}
        used = set()
        for data in self.published.history:
            parsed = json.loads(data)
            for signature in parsed["signatures"]:
                name, key = by_id[signature["keyid"]]
                self.assertEqual(key.scheme, SCHEMES[KEYS[name]], name)
                key.verify_signature(_signature(signature), encode_canonical(parsed["signed"]).encode())
                used.add(name)
        self.assertEqual(used, set(KEYS))

    def test_key_ids_are_those_that_the_specification_computes(self):
        from securesystemslib.hash import digest
        for name, key in self.keys.items():
            computed = digest("sha256")
            computed.update(encode_canonical(key.to_dict()).encode())
            self.assertEqual(computed.hexdigest(), key.keyid, name)

    def test_one_flipped_byte_of_what_is_signed_fails(self):
        chance = random.Random(20261121)
        for file_name, data in self.published.metadata.items():
            if file_name == "1.root.json":
                continue  # the anchor: below
            begin = data.index(b'"signed"')
            for position in chance.sample(range(begin, len(data) - 3), 24):
                with self.subTest(file=file_name, position=position):
                    files = self.files()
                    files[f"metadata/{file_name}"] = flipped(data, position)
                    self.assertRaises(REFUSALS, self.fetch, files)

    def test_one_flipped_byte_of_the_anchor_fails(self):
        anchor = self.published.metadata["1.root.json"]
        begin = anchor.index(b'"signed"')
        for position in random.Random(1).sample(range(begin, len(anchor) - 3), 24):
            with self.subTest(position=position):
                self.assertRaises(REFUSALS, self.fetch, self.files(), flipped(anchor, position))

    def test_one_flipped_byte_of_the_only_signature_fails(self):
        for file_name, data in self.published.metadata.items():
            if "root" in file_name:
                continue
            with self.subTest(file=file_name):
                files = self.files()
                files[f"metadata/{file_name}"] = break_signatures(data, 1)
                self.assertRaises(REFUSALS, self.fetch, files)

    def test_root_two_stands_as_long_as_both_thresholds_are_met(self):
        data = self.published.metadata["2.root.json"]
        files = self.files()
        # root-p256 counts for the old root alone, root-new for the new one; two more count for both.
        files["metadata/2.root.json"] = break_signatures(data, 1)
        self.assertEqual(self.fetch(files)[0], 2)
        files["metadata/2.root.json"] = break_signatures(data, 3)
        self.assertRaises(REFUSALS, self.fetch, files)

    def test_one_flipped_byte_of_a_target_fails(self):
        for file_name, data in self.published.targets.items():
            for position in (0, len(data) // 2, len(data) - 1):
                with self.subTest(file=file_name, position=position):
                    files = self.files()
                    files[f"targets/{file_name}"] = flipped(data, position)
                    self.assertRaises(REFUSALS, self.fetch, files)

    def test_what_was_released_is_signed_again_alike_and_never_otherwise(self):
        with self.agent.connect() as connection:
            signed = json.loads(self.published.metadata["timestamp.json"])["signed"]
            again = connection.call("SignMetadata", repository=REPOSITORY, role="timestamp", format="tuf",
                                    signed=encode_canonical(signed))["result"]
            self.assertEqual([r["status"] for r in again["results"]], ["signed"])
            signed["expires"] = "2099-01-01T00:00:00Z"
            with self.assertRaises(VarlinkError) as caught:
                connection.call("SignMetadata", repository=REPOSITORY, role="timestamp", format="tuf",
                                signed=encode_canonical(signed))
            self.assertEqual(caught.exception.short, "VersionConflict")
            self.assertEqual(caught.exception.parameters["reason"], "other_bytes")

    def test_the_old_timestamp_key_signs_no_more(self):
        with self.agent.connect() as connection, self.assertRaises(VarlinkError) as caught:
            connection.call("SignMetadata", repository=REPOSITORY, role="timestamp", format="tuf",
                            signed=encode_canonical(new_timestamp(3, 1).signed.to_dict()), keys=["timestamp"])
        self.assertIn(caught.exception.short, ("KeyRefused", "PolicyDenied"))


def _signature(entry):
    from securesystemslib.signer import Signature
    return Signature.from_dict(dict(entry))


def flipped(data, position):
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1:]


def break_signatures(data, count):
    """One flipped bit in each of the first `count` signatures."""
    parsed = json.loads(data)
    for entry in parsed["signatures"][:count]:
        raw = bytearray.fromhex(entry["sig"])
        raw[len(raw) // 2] ^= 1
        entry["sig"] = raw.hex()
    return json.dumps(parsed).encode()


if __name__ == "__main__":
    unittest.main(verbosity=2)
