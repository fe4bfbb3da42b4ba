"""Three people, three agents, three ledgers, one root of threshold 2. Carol missed a version: her agent signs the next
one only after it has seen the one before."""
import unittest

from securesystemslib.formats import encode_canonical
from securesystemslib.signer import Signature
from tuf.api.metadata import Metadata

from agent_fixture import Agent, Scratch, SoftToken, toml_for
from tuf_client import Mirror, fetch, served
from tuf_publisher import (AgentSigner, Publisher, agent_key, new_root, new_snapshot, new_targets, new_timestamp)
from varlink_client import VarlinkError

REPOSITORY = "example.org/three"
PEOPLE = {"alice": "ecdsa-p256", "bob": "rsa-2048", "carol": "ed25519"}


class SeveralPeople(unittest.TestCase):
    def setUp(self):
        scratch = self.enterContext(Scratch())
        self.agents, self.keys = {}, {}
        for person, algorithm in PEOPLE.items():
            tokens = SoftToken(scratch / person / "softhsm", person)
            agent = self.enterContext(Agent(scratch / person / "agent", toml_for(tokens)))
            self.agents[person] = agent
            wanted = {person: algorithm}
            if person == "alice":
                wanted |= {role: "ecdsa-p256" for role in ("targets", "snapshot", "timestamp")}
            with agent.connect(timeout=120) as connection:
                for name, kind in wanted.items():
                    connection.call("GenerateKey", token=person, name=name, algorithm=kind, uses=["tuf"])
            self.keys |= {name: agent_key(agent, name) for name in wanted}
        self.publisher = Publisher(REPOSITORY)

    def root(self, version, **thresholds):
        roles = {"root": list(PEOPLE), "targets": ["targets"], "snapshot": ["snapshot"], "timestamp": ["timestamp"]}
        return new_root(version, self.keys, roles, {"root": 2, **thresholds})

    def sign(self, role, metadata, *people_and_keys):
        return self.publisher.sign(role, metadata, [(self.agents[p], self.keys[k]) for p, k in people_and_keys])

    def observe(self, text, *people):
        return [self.publisher.observe(self.agents[p], "root", text) for p in people]

    def refused(self, call):
        with self.assertRaises(VarlinkError) as caught:
            call()
        return caught.exception

    def test_a_root_that_two_of_three_sign(self):
        # Alice and Bob start the repository. Carol joins when version 1 is out, with a file that she was given.
        for person in ("alice", "bob"):
            with self.agents[person].connect() as connection:
                connection.call("CreateRepository", name=REPOSITORY, format="tuf")
        first = self.sign("root", self.root(1), ("alice", "alice"), ("bob", "bob"))
        self.observe(first, "alice", "bob")
        with self.agents["carol"].connect() as connection:
            adopted = connection.call("AdoptRepository", name=REPOSITORY, format="tuf", root=first)
        self.assertEqual(adopted["repository"]["rootVersion"], 1)

        # One signature of two is no root: no ledger takes it as trusted.
        second = self.root(2)
        half = self.sign("root", second, ("alice", "alice"))
        for person in PEOPLE:
            error = self.refused(lambda person=person: self.observe(half, person))
            self.assertEqual(error.short, "MetadataInvalid", error)
        complete = self.sign("root", second, ("bob", "bob"))
        self.observe(complete, "alice", "bob")  # Carol is away.

        # Version 3. Carol's agent trusts version 1 only: 3 is not the next one.
        third = self.root(3)
        self.sign("root", third, ("alice", "alice"))
        carols = AgentSigner(self.agents["carol"], REPOSITORY, "root", self.keys["carol"])
        payload = encode_canonical(third.signed.to_dict()).encode()
        error = self.refused(lambda: carols.sign(payload))
        self.assertIn(error.short, ("VersionConflict", "MetadataInvalid"), error)
        self.assertRegex(str(error), "(?i)observe|version 2")
        self.observe(complete, "carol")
        text = self.sign("root", third, ("carol", "carol"))
        self.assertEqual([s["version"] for s in self.observe(text, *PEOPLE)], [3, 3, 3])

        # The ledgers agree, and each knows of the others' keys only what the root says.
        digests = set()
        for person, agent in self.agents.items():
            with agent.connect() as connection:
                repository, = connection.call("ListRepositories")["repositories"]
            digests.add((repository["rootVersion"], repository["rootDigest"]))
        self.assertEqual(len(digests), 1)

        self.assertEqual(self.client(), 3)

    def client(self):
        self.sign("targets", new_targets(1, []), ("alice", "targets"))
        self.sign("snapshot", new_snapshot(1, {"targets": 1}), ("alice", "snapshot"))
        self.sign("timestamp", new_timestamp(1, 1), ("alice", "timestamp"))
        with Mirror(served(self.publisher.metadata, {})) as mirror:
            return fetch(mirror.url, self.publisher.metadata["1.root.json"], [])[0]

    def test_what_one_agent_cannot_sign_is_named(self):
        with self.agents["bob"].connect() as connection:
            connection.call("CreateRepository", name=REPOSITORY, format="tuf")
            payload = encode_canonical(self.root(1).signed.to_dict())
            result = connection.call("SignMetadata", repository=REPOSITORY, role="root", format="tuf",
                                     signed=payload)["result"]
        by_id = {r["keyid"]: r for r in result["results"]}
        mine = by_id.pop(self.keys["bob"].keyid)
        self.assertEqual((mine["key"], mine["status"]), ("bob", "signed"))
        self.keys["bob"].verify_signature(Signature.from_dict(dict(mine["signature"])), payload.encode())
        for name in ("alice", "carol"):
            other = by_id.pop(self.keys[name].keyid)
            self.assertEqual((other["key"], other["status"], other["signature"]), (None, "missing", None))
        self.assertEqual(by_id, {})

    def test_bob_refuses_a_root_that_forgets_him_to_sign_alone(self):
        """The text of a metadata file is checked, not its promise: other bytes for the released version 1."""
        with self.agents["bob"].connect() as connection:
            connection.call("CreateRepository", name=REPOSITORY, format="tuf")
        first = self.sign("root", self.root(1), ("bob", "bob"))
        other = Metadata.from_bytes(first.encode())
        other.signed.expires = other.signed.expires.replace(year=2099)
        signer = AgentSigner(self.agents["bob"], REPOSITORY, "root", self.keys["bob"])
        error = self.refused(lambda: signer.sign(encode_canonical(other.signed.to_dict()).encode()))
        self.assertEqual(error.short, "VersionConflict")
        self.assertEqual(error.parameters["version"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
