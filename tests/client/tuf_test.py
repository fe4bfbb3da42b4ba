"""signet tuf sign, show and verify: files in and out. Whether signatures are good is tested in repository_check_test.cpp;
here OpenSSL makes them, so that nothing of ours vouches for itself."""
import hashlib
import json
import os
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from fake_agent import REPOSITORY, CommandTest, Fault

EXPIRES = "2099-01-01T00:00:00Z"


def canonical(value):
    """Of what these tests hold: ASCII without control characters."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Key:
    """An Ed25519 key of OpenSSL's."""

    def __init__(self, directory, name):
        self.path = directory / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.path], check=True)
        spki = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER"], check=True,
                              capture_output=True).stdout
        self.object = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": spki[-32:].hex()}}
        self.keyid = hashlib.sha256(canonical(self.object)).hexdigest()

    def sign(self, signed):
        message = self.path.with_suffix(".message")
        message.write_bytes(canonical(signed))
        done = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", message], check=True,
                              capture_output=True)
        return {"keyid": self.keyid, "sig": done.stdout.hex()}


def metadata(kind, version, **content):
    return {"_type": kind, "spec_version": "1.0.31", "version": version, "expires": EXPIRES, **content}


def root(version, keys, threshold):
    role = {"keyids": [key.keyid for key in keys], "threshold": threshold}
    online = {"keyids": [keys[0].keyid], "threshold": 1}
    return metadata("root", version, consistent_snapshot=False, keys={key.keyid: key.object for key in keys},
                    roles={"root": role, "targets": online, "snapshot": online, "timestamp": online})


class TufTest(CommandTest):
    @classmethod
    def setUpClass(cls):
        cls.scratch = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="signet-keys-"))
        cls.keys = [Key(cls.directory_of_keys(), name) for name in "ab"]

    @classmethod
    def directory_of_keys(cls):
        return Path(cls.scratch)

    def write(self, name, signed, *keys, **options):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"signatures": [key.sign(signed) for key in keys], "signed": signed}, **options))
        return path

    def read(self, name):
        return json.loads((self.directory / name).read_text())


class Sign(TufTest):
    """The agent's answers are made up; that it checks what it signs is its own tests' matter."""

    def signing_agent(self, *results, **more):
        answer = {"result": {"digest": "dd" * 32, "version": 2, "results": list(results), "earlier": [], "warnings": []}}
        return self.agent(SignMetadata=answer, ListRepositories={"repositories": [REPOSITORY]}, **more)

    @staticmethod
    def result(key, status="signed", name="root-a", **more):
        signature = {"keyid": key.keyid, "sig": "00ff"} if status == "signed" else None
        return {"key": name, "keyid": key.keyid, "status": status, "signature": signature, "hint": None, "fault": None, **more}

    def test_a_signature_is_added_and_everything_else_stays(self):
        a, b = self.keys
        signed = metadata("targets", 2, targets={})
        path = self.write("2.targets.json", signed, b, indent=4)
        path.chmod(0o640)
        agent = self.signing_agent(self.result(a))
        text = self.run_signet("tuf", "sign", "2.targets.json")
        self.assertIn("2.targets.json: targets version 2 of example.com/app", text)
        self.assertIn("signed      root-a (" + a.keyid[:16] + ")", text)
        self.assertIn("The file has 2 signatures now.", text)
        self.assertEqual(self.read("2.targets.json"),
                         {"signed": signed, "signatures": [b.sign(signed), {"keyid": a.keyid, "sig": "00ff"}]})
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o640)
        self.assertEqual(agent.asked("SignMetadata"), [
            {"repository": "example.com/app", "role": "targets", "format": "tuf", "signed": canonical(signed).decode(),
             "dryRun": False, "supersede": False, "acceptLowerThreshold": False}])
        self.assertEqual(os.listdir(self.directory).count("2.targets.json"), 1)
        self.assertFalse([name for name in os.listdir(self.directory) if "signet" in name])

    def test_every_option_reaches_the_agent(self):
        self.write("x.json", metadata("targets", 2, targets={}))
        agent = self.signing_agent(self.result(self.keys[0]))
        self.run_signet("tuf", "sign", "--repository", "r", "--role", "releases", "--key", "k1", "--key", "k2", "--supersede",
                        "--accept-lower-threshold", "x.json")
        asked, = agent.asked("SignMetadata")
        asked.pop("signed")
        self.assertEqual(asked, {"repository": "r", "role": "releases", "format": "tuf", "keys": ["k1", "k2"], "dryRun": False,
                                 "supersede": True, "acceptLowerThreshold": True})
        self.run_signet("tuf", "sign", "x.json", env=self.environment(SIGNET_REPOSITORY="s"))
        self.assertEqual((agent.asked("SignMetadata")[1]["repository"], agent.asked("SignMetadata")[1]["role"]), ("s", "x"))

    def test_a_dry_run_writes_nothing(self):
        path = self.write("2.targets.json", metadata("targets", 2, targets={}))
        before = path.read_bytes()
        agent = self.signing_agent(self.result(self.keys[0], "would_sign"))
        self.assertIn("would sign  root-a", self.run_signet("tuf", "sign", "--dry-run", "2.targets.json"))
        self.assertEqual(path.read_bytes(), before)
        self.assertIs(agent.asked("SignMetadata")[0]["dryRun"], True)

    def test_missing_keys_are_named_with_what_to_do(self):
        a, b = self.keys
        signed = root(2, [a, b], 2)
        self.write("2.root.json", signed)
        absent = self.result(b, "missing", None, hint="Insert YubiKey 15835999.")
        stranger = self.result(b, "missing", None)
        self.signing_agent(self.result(a), absent, {**stranger, "keyid": "ee" * 32})
        text = self.run_signet("tuf", "sign", "2.root.json")
        self.assertIn("missing     " + b.keyid[:16] + ": Insert YubiKey 15835999.", text)
        self.assertIn("missing     eeeeeeeeeeeeeeee: not enrolled with this agent", text)
        self.assertIn("It has 0 good signatures of its own root keys, 2 are needed: others", text)  # "00ff" is no good signature
        self.run_signet("tuf", "sign", "2.root.json", "--key", "root-b", code=5)

    def test_a_key_that_failed_is_the_exit_code_and_the_others_signatures_are_kept(self):
        a, b = self.keys
        self.write("targets.json", metadata("targets", 2, targets={}))
        fault = {"error": "org.signet.Agent.TouchTimeout", "parameters": {"key": "b", "message": "Nobody touched it."}}
        self.signing_agent(self.result(a), self.result(b, "failed", "root-b", fault=fault))
        self.assertIn("failed      root-b (" + b.keyid[:16] + "): Nobody touched it.",
                      self.run_signet("tuf", "sign", "targets.json", code=8))
        self.assertEqual(len(self.read("targets.json")["signatures"]), 1)

    def test_several_files_and_json(self):
        for name in ("targets.json", "snapshot.json"):
            self.write(name, metadata(name[:-5], 2, **({"targets": {}} if name[0] == "t" else {"meta": {"targets.json": {"version": 1}}})))
        agent = self.signing_agent(self.result(self.keys[0]))
        files = self.run_signet("--json", "tuf", "sign", "targets.json", "snapshot.json")["files"]
        self.assertEqual([(one["file"], one["role"], one["written"], one["signatures"]) for one in files],
                         [("targets.json", "targets", True, 1), ("snapshot.json", "snapshot", True, 1)])
        replies = [agent.answers["SignMetadata"], Fault("Busy", "Later.", retryAfterMs=10)]
        agent.answers["SignMetadata"] = lambda _: replies.pop(0)
        error = self.run_signet("--json", "tuf", "sign", "targets.json", "snapshot.json", code=8)["error"]
        self.assertEqual([one["file"] for one in error["parameters"]["files"]], ["targets.json"])
        self.assertIn("targets.json was signed; snapshot.json was not.", self.stderr)

    def test_a_version_conflict_and_saving_what_was_released(self):
        a = self.keys[0]
        released = metadata("targets", 2, targets={"x": {"length": 1, "hashes": {"sha256": "ab" * 32}}})
        path = self.write("2.targets.json", metadata("targets", 2, targets={}))
        before = path.read_bytes()
        self.agent(SignMetadata=Fault("VersionConflict", "Version 2 was released with other bytes.", repository="example.com/app",
                                      role="targets", version=2, reason="other_bytes", digest="dd",
                                      payload=canonical(released).decode(), signatures=[a.sign(released)]),
                   ListRepositories={"repositories": [REPOSITORY]})
        self.run_signet("tuf", "sign", "2.targets.json", code=6)
        self.assertIn("--save-released FILE", self.stderr)
        self.run_signet("tuf", "sign", "2.targets.json", "--save-released", "released.json", code=6)
        self.assertEqual(self.read("released.json"), {"signed": released, "signatures": [a.sign(released)]})
        self.run_signet("tuf", "sign", "2.targets.json", "--save-released", "2.targets.json", code=6)
        self.assertIn("is there already", self.stderr)
        self.assertEqual(path.read_bytes(), before)

    def test_observing_what_is_complete(self):
        self.write("targets.json", metadata("targets", 2, targets={}))
        agent = self.signing_agent(self.result(self.keys[0]), ObserveMetadata={"repository": REPOSITORY, "version": 2,
                                                                               "digest": "dd", "warnings": []})
        self.assertIn("has observed it", self.run_signet("tuf", "sign", "--observe", "targets.json"))
        self.assertEqual(json.loads(agent.asked("ObserveMetadata")[0]["metadata"]), self.read("targets.json"))
        agent.answers["ObserveMetadata"] = Fault("MetadataInvalid", "Too few.", where="/signatures", why="threshold")
        self.assertIn("not complete yet", self.run_signet("tuf", "sign", "--observe", "targets.json"))
        agent.answers["ObserveMetadata"] = Fault("MetadataInvalid", "Wrong.", where="/signed", why="expired")
        self.run_signet("tuf", "sign", "--observe", "targets.json", code=10)
        self.assertIn("is signed and written", self.stderr)

    def test_which_repository(self):
        self.write("targets.json", metadata("targets", 2, targets={}))
        agent = self.signing_agent(self.result(self.keys[0]))
        agent.answers["ListRepositories"] = {"repositories": [REPOSITORY, {**REPOSITORY, "name": "b"}]}
        self.run_signet("tuf", "sign", "targets.json", code=10)
        self.assertIn("knows example.com/app and b", self.stderr)
        agent.answers["ListRepositories"] = {"repositories": [{**REPOSITORY, "format": "notary"}]}
        self.run_signet("tuf", "sign", "targets.json", code=10)
        self.assertEqual(agent.asked("SignMetadata"), [])

    def test_what_is_no_metadata_is_not_sent(self):
        agent = self.signing_agent(self.result(self.keys[0]))
        for text in ("", "{}", json.dumps(metadata("targets", 2, targets={})), '{"signed": {"_type": "targets"}}'):
            (self.directory / "targets.json").write_text(text)
            self.run_signet("tuf", "sign", "targets.json", code=10)
            self.assertIn("targets.json: ", self.stderr)
        self.run_signet("tuf", "sign", "absent.json", code=1)
        self.assertEqual(agent.asked("SignMetadata"), [])

    def test_a_file_that_changed_while_it_was_signed_stays_as_it_is(self):
        path = self.write("targets.json", metadata("targets", 2, targets={}))
        answer = {"result": {"digest": "dd", "version": 2, "results": [self.result(self.keys[0])], "earlier": [], "warnings": []}}

        def sign(_):
            path.write_text("somebody else's")
            return answer
        self.agent(SignMetadata=sign, ListRepositories={"repositories": [REPOSITORY]})
        self.run_signet("tuf", "sign", "targets.json", code=1)
        self.assertIn("changed by somebody else", self.stderr)
        self.assertEqual(path.read_text(), "somebody else's")

    def test_a_signature_that_the_agent_remembers_is_taken(self):
        a, b = self.keys
        self.write("targets.json", metadata("targets", 2, targets={}))
        agent = self.signing_agent(self.result(a))
        agent.answers["SignMetadata"]["result"]["earlier"] = [{"keyid": b.keyid, "sig": "11"}]
        self.run_signet("tuf", "sign", "targets.json")
        self.assertEqual([one["keyid"] for one in self.read("targets.json")["signatures"]], [b.keyid, a.keyid])


class ShowAndVerify(TufTest):
    def publish(self):
        a, b = self.keys
        self.write("root.json", root(1, [a, b], 2), a, b)
        self.write("repository/metadata/1.root.json", root(1, [a, b], 2), a, b)
        self.write("repository/metadata/2.root.json", root(2, [a, b], 2), a, b)
        (self.directory / "repository/targets").mkdir()
        (self.directory / "repository/targets/tool").write_text("tool")
        listed = {"length": 4, "hashes": {"sha256": hashlib.sha256(b"tool").hexdigest()}}
        self.write("repository/metadata/targets.json", metadata("targets", 1, targets={"tool": listed}), a)
        self.write("repository/metadata/snapshot.json", metadata("snapshot", 1, meta={"targets.json": {"version": 1}}), a)
        self.write("repository/metadata/timestamp.json", metadata("timestamp", 1, meta={"snapshot.json": {"version": 1}}), a)

    def test_a_repository_by_its_folder_or_its_metadata(self):
        self.publish()
        for folder in ("repository", "repository/metadata", "./repository/metadata/"):
            text = self.run_signet("tuf", "verify", folder, "--root", "root.json")
            self.assertTrue(text.endswith("Verified.\n"), text)
            self.assertIn("targets.json (targets 1): 1 target file is as listed", text)
        report = self.run_signet("--json", "tuf", "verify", "repository", "--root", "root.json")
        self.assertTrue(report["verified"])
        self.assertEqual({step["finding"] for step in report["steps"]}, {"good"})

    def test_a_changed_target_file_or_another_place_for_them(self):
        self.publish()
        (self.directory / "repository/targets/tool").write_text("tOOl")
        text = self.run_signet("tuf", "verify", "repository", "--root", "root.json", code=7)
        self.assertIn("BAD   tool (targets 1): has another sha256", text)
        self.assertTrue(text.endswith("NOT verified.\n"))
        (self.directory / "empty").mkdir()
        text = self.run_signet("tuf", "verify", "repository", "--root", "root.json", "--targets", "empty")
        self.assertIn("1 target file is not here", text)

    def test_a_target_s_path_does_not_lead_out_of_its_folder(self):
        a = self.keys[0]
        self.publish()
        (self.directory / "secret").write_text("tool")
        listed = {"length": 5, "hashes": {"sha256": "00" * 32}}
        self.write("repository/metadata/targets.json",
                   metadata("targets", 1, targets={"../../secret": listed, str(self.directory / "secret"): listed}), a)
        text = self.run_signet("tuf", "verify", "repository", "--root", "root.json")
        self.assertIn("2 target files are not here", text)

    def test_one_flipped_byte_in_any_file(self):
        self.publish()
        folder = self.directory / "repository/metadata"
        for path in sorted(folder.iterdir()):
            if path.name == "1.root.json":
                continue
            good = path.read_text()
            path.write_text(good.replace("2099", "2098", 1))
            self.run_signet("tuf", "verify", "repository", "--root", "root.json", code=7)
            path.write_text(good)
        self.run_signet("tuf", "verify", "repository", "--root", "root.json")

    def test_files_one_by_one(self):
        self.publish()
        self.run_signet("tuf", "verify", "repository/metadata/2.root.json", "repository/metadata/targets.json", "--root", "root.json")
        self.run_signet("tuf", "verify", "repository", "repository/metadata/targets.json", "--root", "root.json", code=10)
        self.run_signet("tuf", "verify", "absent.json", "--root", "root.json", code=1)
        (self.directory / "broken.json").write_text("{")
        self.assertIn("broken.json", self.run_signet("tuf", "verify", "broken.json", "--root", "root.json", code=7))
        self.assertIn("NOT verified", self.run_signet("tuf", "verify", "root.json", "--root", "broken.json", code=7))

    def test_expired(self):
        a, b = self.keys
        self.write("root.json", {**root(1, [a, b], 2), "expires": "2020-01-01T00:00:00Z"}, a, b)
        self.assertIn("expired at 2020", self.run_signet("tuf", "verify", "root.json", "--root", "root.json", code=7))
        self.assertIn("Verified.", self.run_signet("tuf", "verify", "root.json", "--root", "root.json", "--allow-expired"))

    def test_show_a_root(self):
        a, b = self.keys
        signed = root(7, [a, b], 2)
        path = self.write("7.root.json", signed, a, b)
        content = json.loads(path.read_text())
        content["signatures"][1]["sig"] = "00" * 64
        path.write_text(json.dumps(content))
        text = self.run_signet("tuf", "show", "7.root.json")
        for words in ("root, version 7 (TUF 1.0.31)", "expires  2099-01-01T00:00:00Z, in ", f"{a.keyid[:16]}  ed25519    ed25519",
                      "root       2 of 2: ", f"The signature of {a.keyid[:16]} verifies.",
                      f"The signature of {b.keyid[:16]} does NOT verify."):
            self.assertIn(words, text)
        shown = self.run_signet("--json", "tuf", "show", "7.root.json")
        self.assertEqual([one["state"] for one in shown["signatures"]], ["good", "bad"])
        self.assertEqual((shown["signed"], shown["digest"]), (signed, hashlib.sha256(canonical(signed)).hexdigest()))

    def test_show_judges_others_by_a_root_that_is_named(self):
        a = self.keys[0]
        self.publish()
        path = "repository/metadata/targets.json"
        self.assertIn("cannot be judged", self.run_signet("tuf", "show", path))
        text = self.run_signet("tuf", "show", path, "--root", "root.json")
        self.assertIn(f"The signature of {a.keyid[:16]} verifies.", text)
        self.assertIn("tool    4", text)
        self.write("unsigned.json", metadata("targets", 1, targets={}))
        self.assertIn("It has no signature.", self.run_signet("tuf", "show", "unsigned.json"))


class Repositories(TufTest):
    def test_create_and_adopt(self):
        a, b = self.keys
        agent = self.agent(CreateRepository={"repository": {**REPOSITORY, "state": "created"}}, AdoptRepository={"repository": REPOSITORY})
        self.assertIn("is created", self.run_signet("repository", "create", "example.com/app", "--format", "notary"))
        self.assertEqual(agent.calls[0], ("CreateRepository", {"name": "example.com/app", "format": "notary"}))
        signed = root(1, [a, b], 2)
        path = self.write("root.json", signed, a, b)
        digest = hashlib.sha256(canonical(signed)).hexdigest()
        self.assertIn("Compare this digest", self.run_signet("repository", "adopt", "example.com/app", "root.json"))
        self.assertEqual(agent.calls[1][1], {"name": "example.com/app", "format": "tuf", "root": path.read_text()})
        self.assertNotIn("Compare", self.run_signet("repository", "adopt", "example.com/app", "root.json", "--digest", digest))
        self.run_signet("repository", "adopt", "example.com/app", "root.json", "--digest", "0" * 64, code=10)
        self.write("targets.json", metadata("targets", 1, targets={}), a)
        self.run_signet("repository", "adopt", "example.com/app", "targets.json", code=10)
        self.assertEqual(len(agent.calls), 3)

    def test_observe_in_order_until_one_is_refused(self):
        a, b = self.keys
        for version in (2, 3):
            self.write(f"{version}.root.json", root(version, [a, b], 2), a, b)
        self.write("x.json", metadata("targets", 1, targets={}), a)
        agent = self.agent(ObserveMetadata={"repository": REPOSITORY, "version": 2, "digest": "dd", "warnings": ["old"]})
        text = self.run_signet("repository", "observe", "r", "2.root.json", "x.json")
        self.assertIn("2.root.json: version 2 is observed, sha256 dd.\n  warning: old\n", text)
        self.assertEqual([call["role"] for call in agent.asked("ObserveMetadata")], ["root", "x"])
        replies = [agent.answers["ObserveMetadata"], Fault("MetadataInvalid", "No.", where="", why="threshold")]
        agent.answers["ObserveMetadata"] = lambda _: replies.pop(0)
        self.run_signet("repository", "observe", "r", "2.root.json", "3.root.json", code=10)
        self.assertIn("The files before 3.root.json were observed.", self.stderr)
        agent.answers["ObserveMetadata"] = {"repository": REPOSITORY, "version": 1, "digest": "dd", "warnings": []}
        self.run_signet("repository", "observe", "r", "x.json", "--role", "releases")
        self.assertEqual(agent.asked("ObserveMetadata")[-1]["role"], "releases")


if __name__ == "__main__":
    unittest.main()
