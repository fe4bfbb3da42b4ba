"""The verbs that sign and verify messages: what they ask the agent, what they print, how they end."""
import base64
import hashlib
import subprocess
import unittest

from fake_agent import KEY, CommandTest


class Messages(CommandTest):
    def setUp(self):
        super().setUp()
        self.message = self.directory / "message"
        self.message.write_bytes(b"hello\0world")
        self.signature = base64.b64encode(b"sig\n").decode()

    def test_sign_a_file_and_standard_input(self):
        agent = self.agent(SignMessage={"signature": self.signature, "scheme": "ed25519", "event": None})
        self.assertEqual(self.run_signet("sign", "--key", "k", "message"), self.signature + "\n")
        self.assertEqual(agent.calls[0][1], {"key": "k", "message": base64.b64encode(b"hello\0world").decode()})
        self.run_signet("sign", "--key", "k", "-", "--scheme", "ed25519", stdin="typed")
        self.assertEqual(agent.calls[1][1], {"key": "k", "message": "dHlwZWQ=", "scheme": "ed25519"})
        self.run_signet("sign", "--key", "k", "message", "-o", "out")
        self.assertEqual((self.directory / "out").read_text(), self.signature + "\n")
        self.run_signet("sign", "--key", "k", "message", "--raw", "-o", "out")
        self.assertEqual((self.directory / "out").read_bytes(), b"sig\n")
        self.assertEqual(agent.flags, [{}] * 4)  # nobody is at a terminal: nothing waits

    def test_several_files_are_signed_in_few_calls(self):
        broken = {"signature": None, "record": None, "fault": {"error": "org.signet.Agent.Busy", "parameters": {
            "retryAfterMs": 5, "message": "Later."}}}

        def sign(parameters):
            good = {"signature": self.signature, "record": 7, "fault": None}
            return {"scheme": "ed25519", "results": [broken if text == "Ym9vbQ==" else good for text in parameters["messages"]]}

        agent = self.agent(SignMessage=sign)
        for name, content in (("one", "1"), ("two", "2"), ("big", "x" * 150000), ("bigger", "y" * 100000)):
            (self.directory / name).write_text(content)
        text = self.run_signet("sign", "--key", "k", "one", "two", "big", "bigger")
        self.assertIn("4 of 4 signatures (ed25519) are written", text)
        self.assertEqual([len(call["messages"]) for call in agent.asked("SignMessage")], [3, 1])
        for name in ("one", "two", "big", "bigger"):
            self.assertEqual((self.directory / f"{name}.sig").read_text(), self.signature + "\n")
        (self.directory / "bad").write_text("boom")
        done = self.run_signet("--json", "sign", "--key", "k", "one", "bad", code=8)
        self.assertEqual([result["output"] for result in done["results"]], ["one.sig", None])
        self.assertEqual(done["results"][1]["fault"], broken["fault"])
        self.assertFalse((self.directory / "bad.sig").exists())
        for wrong in (("-o", "out"), ("--proof", "p"), ("-",)):
            self.run_signet("sign", "--key", "k", "one", "two", *wrong, code=10)
        self.run_signet("sign", "--key", "k", "one", "absent", code=1)
        self.assertEqual(len(agent.asked("SignMessage")), 3)

    def test_digests(self):
        pem = subprocess.run(["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "key.pem"], check=True,
                             cwd=self.directory) and subprocess.run(
            ["openssl", "pkey", "-in", "key.pem", "-pubout"], check=True, cwd=self.directory, capture_output=True, text=True).stdout
        agent = self.agent(SignMessage={"signature": self.signature, "scheme": "s"},
                           ShowKey={"key": KEY, "pem": pem, "ssh": "", "tuf": {}, "notary": {}, "roles": []})
        self.run_signet("sign", "--key", "k", "--hash", "message")
        digest = hashlib.sha384(self.message.read_bytes())
        self.assertEqual(agent.asked("SignMessage")[0], {"key": "k", "digest": base64.b64encode(digest.digest()).decode()})
        self.run_signet("sign", "--key", "k", "--digest", digest.hexdigest())
        self.assertEqual(*agent.asked("SignMessage"))
        self.run_signet("sign", "--key", "k", "--digest", "abc", code=10)
        self.run_signet("sign", "--key", "k", "--digest", "abcd", "message", code=2)
        self.run_signet("sign", "--key", "k", code=10)

    def test_a_message_that_is_too_large_is_not_sent(self):
        agent = self.agent(SignMessage={})
        self.message.write_bytes(b"x" * 200_000)
        self.run_signet("sign", "--key", "k", "message", code=10)
        self.assertIn("--hash", self.stderr)
        self.assertEqual(agent.calls, [])

    def test_waiting_is_asked_for(self):
        def touch(_):
            yield {"event": {"kind": "touch", "token": "t", "serial": None, "key": "k", "message": "Touch token t."}}
            return {"signature": self.signature, "scheme": "s"}
        agent = self.agent(SignMessage=touch)
        self.run_signet("sign", "--key", "k", "message", "--wait")
        self.assertEqual(agent.flags, [{"more": True}])
        self.assertEqual(self.stderr, "Touch token t.\n")

    def test_verify_with_openssl_s_signatures(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], check=True, cwd=self.directory, capture_output=True)
        for options, sign in ((("ecparam", "-name", "prime256v1", "-genkey", "-noout"), ("dgst", "-sha256", "-sign", "key.pem")),
                              (("genpkey", "-algorithm", "ed25519"), ("pkeyutl", "-sign", "-rawin", "-inkey", "key.pem", "-in")),
                              (("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"), ("dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt",
                                                    "rsa_pss_saltlen:32", "-sign", "key.pem"))):
            with self.subTest(options):
                openssl(*options, "-out", "key.pem")
                openssl("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
                openssl(*sign, *(("message", "-out", "sig") if sign[0] == "pkeyutl" else ("-out", "sig", "message")))
                good = ("verify", "--public-key", "public.pem", "--signature", "sig", "message")
                self.assertIn("Good signature", self.run_signet(*good))
                raw = (self.directory / "sig").read_bytes()
                (self.directory / "sig").write_bytes(base64.b64encode(raw) + b"\n")
                self.assertIs(self.run_signet("--json", *good)["verified"], True)
                (self.directory / "sig").write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
                self.assertIn("BAD signature", self.run_signet(*good, code=7))
                (self.directory / "sig").write_bytes(raw)
                self.message.write_bytes(b"hello\0World")
                self.assertIs(self.run_signet("--json", *good, code=7)["verified"], False)
                self.message.write_bytes(b"hello\0world")


if __name__ == "__main__":
    unittest.main()
