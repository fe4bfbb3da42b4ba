"""Every verb but those of messages and metadata: what it asks the agent, what it prints, how it ends."""
import json
import os
import subprocess
import unittest

from fake_agent import KEY, REPOSITORY, SIGNET, TOKEN, CommandTest, Fault


class Agent(CommandTest):
    STATUS = {"version": "0.1.0", "pid": 42, "started": "2026-11-21T23:00:00Z", "socket": "/s", "state": "/d",
              "ledger": {"id": "aa" * 32, "records": 1}, "ledgerFault": None, "connections": 1, "sinks": [],
              "checkpoint": None, "quarantine": None,
              "modules": [{"name": "softhsm", "path": "/usr/lib/x.so", "state": "usable", "why": None},
                          {"name": "odd", "path": "/o.so", "state": "faulty", "why": "does not load"}]}

    def test_status_in_words_and_as_json(self):
        self.agent(Status=self.STATUS)
        text = self.run_signet("status")
        for words in ("signetd 0.1.0, process 42", "1 record\n", "odd      faulty  /o.so          does not load"):
            self.assertIn(words, text)
        self.assertEqual(self.run_signet("--json", "status"), self.STATUS)

    def test_status_of_sinks(self):
        sink = {"name": "records", "kind": "file", "state": "working", "position": 7, "lag": 0, "failures": 0,
                "lastError": None}
        failing = {**sink, "kind": "syslog", "state": "failing", "lag": 3, "failures": 2, "lastError": "It is not there."}
        agent = self.agent(Status={**self.STATUS, "sinks": [sink, failing]})
        text = self.run_signet("status")
        self.assertIn("sink     records (file) is working\n", text)
        self.assertIn("records (syslog) is failing, 3 records behind, failed 2 times: It is not there.\n", text)
        self.assertEqual(self.run_signet("--json", "status")["sinks"], [sink, failing])
        agent.answers["Status"] = {name: value for name, value in self.STATUS.items() if name != "sinks"}
        self.run_signet("status")  # an older agent

    def test_status_without_a_ledger_says_what_to_do(self):
        self.agent(Status={**self.STATUS, "ledger": None})
        self.assertIn('run "signet init"', self.run_signet("status"))

    def test_status_of_a_ledger_that_cannot_be_used(self):
        self.agent(Status={**self.STATUS, "ledger": None, "ledgerFault": "it is corrupt"})
        self.assertIn("it is corrupt", self.run_signet("status"))

    def test_no_agent(self):
        self.assertEqual(self.run_signet("status", code=3), "")
        self.assertRegex(self.stderr, r'^signet: No agent listens at .*agent\.sock\. Start one with "signetd"')
        error = self.run_signet("--json", "status", code=3)["error"]
        self.assertEqual((error["name"], error["parameters"]["why"]), ("ConnectionFailed", "not-running"))

    def test_the_explicit_socket_wins(self):
        self.agent(Status=self.STATUS)
        socket = self.environment()["SIGNET_SOCKET"]
        self.run_signet("status", "--socket", socket, env=self.environment(SIGNET_SOCKET="/nowhere"))
        self.run_signet("--socket", "/nowhere", "status", code=3)

    def test_init(self):
        agent = self.agent(CreateLedger={"ledger": {"id": "bb", "records": 0}})
        self.assertIn("Its id is bb.", self.run_signet("init"))
        self.assertEqual(agent.calls, [("CreateLedger", {})])
        agent.answers["CreateLedger"] = Fault("AlreadyExists", "There is one.", kind="ledger", name="bb")
        self.assertEqual(self.run_signet("init", code=1), "")
        self.assertEqual(self.stderr, "signet: There is one.\n")

    def test_a_deadline(self):
        self.agent(Status=lambda _: __import__("time").sleep(5))
        error = self.run_signet("--json", "--timeout", "1", "status", code=3)["error"]
        self.assertEqual(error["parameters"]["why"], "deadline")

    def test_an_error_that_only_a_newer_agent_knows(self):
        self.agent(Status=Fault("org.signet.Agent.Tired", "It sleeps."))
        self.run_signet("status", code=1)
        self.assertIn("It sleeps.", self.stderr)


class CommandLine(CommandTest):
    def test_what_is_wrong_is_said_and_nothing_is_asked(self):
        agent = self.agent()
        for arguments, words in (
                ((), 'Say which verb of "signet" is meant'), (("tokn",), '"signet" has no verb "tokn"'),
                (("token",), 'Say which verb of "signet token"'), (("token", "lis"), '"signet token" has no verb "lis"'),
                (("--frob",), '"signet" has no option "--frob"'), (("status", "x"), "not expected: x"),
                (("status", "--frob"), "not expected: --frob"), (("tuf", "sign"), "FILE is required"),
                (("key", "generate", "n", "--token", "t"), "--use is required"),
                (("key", "generate", "n", "--token", "t", "--use", "all"), "--use"),
                (("key", "show", "k", "--pem", "--ssh"), "excludes"), (("--timeout", "0", "status"), "--timeout"),
                (("token", "unlock", "t", "--pin-file", "f", "--pin-fd", "3"), "excludes"),
                (("token", "unlock", "t", "--pin", "1234"), "not expected")):
            with self.subTest(arguments):
                self.assertEqual(self.run_signet(*arguments, code=2), "")
                self.assertTrue(self.stderr.startswith("signet: "), self.stderr)
                self.assertIn(words, self.stderr)
                self.assertRegex(self.stderr, r'See "signet.* --help"\.\n$')
        self.assertEqual(agent.calls, [])

    def test_a_wrong_command_line_is_json_too(self):
        error = self.run_signet("--json", "token", "lis", code=2)["error"]
        self.assertEqual(error["name"], "InvalidParameter")

    def test_version(self):
        self.assertRegex(self.run_signet("--version"), r"^signet \d+\.\d+\.\d+\n$")

    def test_a_full_disk_behind_the_output_is_a_failure(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([SIGNET, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard output", done.stderr)

    def test_no_colour_without_a_terminal(self):
        self.agent(Status=Fault("Internal"))
        self.run_signet("status", code=1)
        self.assertNotIn("\033", self.stderr)


class Tokens(CommandTest):
    def pin_file(self, name, text, mode=0o600):
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def test_list(self):
        agent = self.agent(ListTokens={"tokens": [TOKEN, {**TOKEN, "name": "b\033[31m", "pin": "final"}]})
        text = self.run_signet("token", "list")
        self.assertIn("release    locked", text)
        self.assertIn("b\\x1b[31m", text)
        self.assertIn("the last try is left", text)
        agent.answers["ListTokens"] = {"tokens": []}
        self.assertIn("no token", self.run_signet("token", "list"))
        self.assertEqual(self.run_signet("--json", "token", "list"), {"tokens": []})

    def test_unlock_takes_the_first_line_of_a_file_that_is_ours_alone(self):
        agent = self.agent(UnlockToken={"token": {**TOKEN, "state": "unlocked"}})
        for text in ("12 34\n", "12 34\r\nmore\n", "12 34"):
            self.run_signet("token", "unlock", "release", "--pin-file", self.pin_file("pin", text))
            self.assertEqual(agent.calls[-1], ("UnlockToken", {"token": "release", "pin": "12 34"}))
        agent.calls.clear()
        for text, mode, words in (("1\n", 0o640, "chmod 600"), ("\n", 0o600, "empty"), ("", 0o600, "empty"),
                                  ("9" * 256, 0o600, "longer")):
            self.run_signet("token", "unlock", "release", "--pin-file", self.pin_file("pin", text, mode), code=1)
            self.assertIn(words, self.stderr)
        self.run_signet("token", "unlock", "release", "--pin-file", "absent", code=1)
        self.assertEqual(agent.calls, [])

    def test_unlock_with_the_configured_source(self):
        agent = self.agent(UnlockToken={"token": TOKEN})
        self.run_signet("token", "unlock", "release", "--configured")
        self.assertEqual(agent.calls, [("UnlockToken", {"token": "release", "pin": None})])

    def test_without_a_terminal_or_a_pin_nothing_is_sent(self):
        agent = self.agent(UnlockToken={"token": TOKEN})
        self.assertEqual(self.run_signet("--json", "token", "unlock", "release", code=4)["error"]["name"], "PinRequired")
        self.assertEqual(agent.calls, [])

    def test_a_refused_pin_has_its_exit_code_and_is_sent_once(self):
        agent = self.agent(UnlockToken=Fault("PinRefused", "Wrong.", token="release", remaining="low"))
        error = self.run_signet("--json", "token", "unlock", "release", "--pin-file", self.pin_file("p", "1\n"), code=4)
        self.assertEqual(error["error"]["parameters"]["remaining"], "low")
        self.assertEqual(len(agent.calls), 1)

    def test_init_reads_two_pins_from_one_descriptor(self):
        agent = self.agent(ListTokens={"tokens": []}, InitToken={"token": TOKEN})
        read, write = os.pipe()
        os.write(write, b"the so pin\nthe pin\n")
        os.close(write)
        self.addCleanup(os.close, read)
        self.run_signet("token", "init", "softhsm", "--label", "release", "--so-pin-fd", read, "--pin-fd", read, pass_fds=[read])
        self.assertEqual(agent.asked("InitToken"),
                         [{"token": "softhsm", "label": "release", "soPin": "the so pin", "pin": "the pin"}])

    def test_init_erases_nothing_unasked(self):
        agent = self.agent(ListTokens={"tokens": [TOKEN]}, InitToken={"token": TOKEN})
        pins = ("--so-pin-file", self.pin_file("so", "s\n"), "--pin-file", self.pin_file("pin", "p\n"))
        self.run_signet("token", "init", "release", "--label", "new", *pins, code=10)
        self.assertIn("--yes", self.stderr)
        self.assertEqual(agent.asked("InitToken"), [])
        self.run_signet("token", "init", "release", "--label", "new", "--yes", *pins)
        self.assertEqual(len(agent.asked("InitToken")), 1)

    def test_lock(self):
        agent = self.agent(LockToken={"token": TOKEN})
        self.assertIn("forgotten", self.run_signet("token", "lock", "release"))
        self.assertEqual(agent.calls, [("LockToken", {"token": "release"})])

    def test_token_change_pin(self):
        agent = self.agent(ChangePin={"token": {**TOKEN, "state": "unlocked"}})
        text = self.run_signet("token", "change-pin", "release", "--pin-file", self.pin_file("old", "1111\n"),
                               "--new-pin-file", self.pin_file("new", "2222\n"))
        self.assertIn("is changed; the token is unlocked", text)
        self.assertEqual(agent.calls, [("ChangePin", {"token": "release", "oldPin": "1111", "newPin": "2222"})])

    def test_token_unblock(self):
        agent = self.agent(UnblockPin={"token": TOKEN})
        text = self.run_signet("token", "unblock", "release", "--so-pin-file", self.pin_file("puk", "1111\n"),
                               "--new-pin-file", self.pin_file("new", "2222\n"))
        self.assertIn("signet token unlock release", text)
        self.assertEqual(agent.calls, [("UnblockPin", {"token": "release", "soPin": "1111", "newPin": "2222"})])
        self.run_signet("token", "unblock", "release", "--so-pin-file", self.pin_file("puk", "1111\n"), code=4)

    def test_token_unlock_at_the_agents_prompt(self):
        agent = self.agent(UnlockToken={"token": {**TOKEN, "state": "unlocked"}})
        self.run_signet("token", "unlock", "release", "--pinentry")
        self.assertEqual(agent.calls, [("UnlockToken", {"token": "release", "pinentry": True})])

    def test_token_list_tells_the_tries_that_are_left(self):
        self.agent(ListTokens={"tokens": [{**TOKEN, "pin": "low", "pinTries": 2}, {**TOKEN, "pinTries": 3}]})
        text = self.run_signet("token", "list")
        self.assertIn("2 tries left", text)
        self.assertIn("3 tries left", text)
        self.assertEqual([token["pinTries"] for token in self.run_signet("--json", "token", "list")["tokens"]], [2, 3])

    def test_reset_pin_budget(self):
        agent = self.agent(ResetPinBudget={"token": TOKEN})
        self.assertIn('PINs may be sent to token "release" again.', self.run_signet("token", "reset-pin-budget", "release"))
        self.assertEqual(agent.calls, [("ResetPinBudget", {"token": "release"})])

    def test_a_pin_is_in_no_output(self):
        self.agent(UnlockToken=Fault("TokenFault", "It broke.", token="release", ckr="CKR_DEVICE_ERROR", call="C_Login"))
        out = self.run_signet("token", "unlock", "release", "--pin-file", self.pin_file("p", "very-secret\n"), code=1)
        self.assertNotIn("very-secret", out + self.stderr)


class Keys(CommandTest):
    def test_generate_and_enrol(self):
        agent = self.agent(GenerateKey={"key": KEY}, EnrolKey={"key": KEY})
        text = self.run_signet("key", "generate", "root-a", "--token", "release", "--use", "tuf")
        self.assertIn('Key "root-a" is made and enrolled.', text)
        self.assertIn("sensitive, never extractable and made on the token", text)
        self.run_signet("key", "enrol", "pkcs11:object=x", "--name", "x", "--use", "message", "--use", "digest")
        self.assertEqual(agent.calls, [
            ("GenerateKey", {"token": "release", "name": "root-a", "algorithm": "ecdsa-p256", "uses": ["tuf"], "pin": None}),
            ("EnrolKey", {"uri": "pkcs11:object=x", "name": "x", "uses": ["message", "digest"]})])

    def test_a_key_on_several_tokens(self):
        east = {"uri": KEY["uri"], "tokenLabel": "east", "tokenSerial": "1", "order": 0, "weight": 1,
                "evidence": KEY["evidence"], "fault": None}
        west = {**east, "tokenLabel": "west\x1b[31m", "order": 1, "weight": 3, "fault": "It is not there."}
        key = {**KEY, "locations": [east, west]}
        agent = self.agent(AddKeyLocation={"key": key}, RemoveKeyLocation={"key": KEY}, ListKeys={"keys": [key]})
        text = self.run_signet("key", "enrol", "pkcs11:token=west", "--name", "a", "--also", "--order", 1, "--weight", 3)
        self.assertIn("is enrolled on 2 tokens.", text)
        self.assertIn("is on        west\\x1b[31m (serial 1), order 1, weight 3, sensitive", text)
        self.assertIn("passed over now: It is not there.", text)
        self.run_signet("key", "enrol", "pkcs11:token=west", "--name", "a", "--also")
        self.assertIn(" +1 ", self.run_signet("key", "list"))
        self.assertEqual(self.run_signet("--json", "key", "list"), {"keys": [key]})
        self.assertIn("signs on \"west\" no more", self.run_signet("key", "forget", "a", "--token", "west"))
        self.assertEqual(agent.asked("AddKeyLocation"), [
            {"key": "a", "uri": "pkcs11:token=west", "order": 1, "weight": 3}, {"key": "a", "uri": "pkcs11:token=west"}])
        self.assertEqual(agent.asked("RemoveKeyLocation"), [{"key": "a", "token": "west"}])
        for wrong in (("--also", "--use", "tuf"), (), ("--use", "tuf", "--order", 1)):
            self.run_signet("key", "enrol", "pkcs11:token=west", "--name", "a", *wrong, code=10)
        self.assertEqual(agent.asked("EnrolKey"), [])

    def test_generate_with_a_pin(self):
        agent = self.agent(GenerateKey={"key": KEY})
        (self.directory / "pin").write_text("77\n")
        (self.directory / "pin").chmod(0o600)
        self.run_signet("key", "generate", "a", "--token", "t", "--use", "tuf", "--algorithm", "rsa-4096", "--pin-file", "pin")
        self.assertEqual(agent.calls[0][1]["pin"], "77")

    def test_list_hides_retired_keys_unless_asked(self):
        retired = {**KEY, "name": "old", "state": "retired"}
        agent = self.agent(ListKeys={"keys": [KEY, retired]})
        self.assertNotIn("old", self.run_signet("key", "list"))
        self.assertIn("old", self.run_signet("key", "list", "--all", "--repository", "r", "--role", "root"))
        self.assertEqual(agent.calls, [("ListKeys", {}), ("ListKeys", {"repository": "r", "role": "root"})])
        self.assertEqual(self.run_signet("--json", "key", "list"), {"keys": [KEY]})

    def test_show_in_every_form(self):
        details = {"key": KEY, "pem": "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n", "ssh": "ssh-x AAAA root-a",
                   "tuf": {"keytype": "ecdsa"}, "notary": {"keytype": "ecdsa", "keyval": {}},
                   "roles": [{"repository": "example.com/app", "role": "root"}]}
        self.agent(ShowKey=details)
        self.assertEqual(self.run_signet("key", "show", "root-a", "--pem"), details["pem"])
        self.assertEqual(self.run_signet("key", "show", "root-a", "--ssh"), details["ssh"] + "\n")
        self.assertEqual(json.loads(self.run_signet("key", "show", "root-a", "--tuf")), details["tuf"])
        self.assertEqual(json.loads(self.run_signet("key", "show", "root-a", "--notary")), details["notary"])
        self.assertIn("has signed   root of example.com/app", self.run_signet("key", "show", "root-a"))
        self.assertEqual(self.run_signet("--json", "key", "show", "root-a"), details)

    def test_retire(self):
        agent = self.agent(RetireKey={"key": {**KEY, "state": "retired"}})
        self.assertIn("is retired", self.run_signet("key", "retire", "root-a"))
        agent.answers["RetireKey"] = Fault("NotFound", kind="key", name="root-a")
        self.run_signet("key", "retire", "root-a", code=1)


class Call(CommandTest):
    def test_a_method_of_ours_and_one_of_varlink(self):
        agent = self.agent(Status={"a": [1, None]}, GetInfo={"vendor": "v"})
        self.assertEqual(json.loads(self.run_signet("call", "Status")), {"a": [1, None]})
        self.assertEqual(self.run_signet("--json", "call", "org.varlink.service.GetInfo", '{"x": 1.5}'), {"vendor": "v"})
        self.assertEqual(agent.calls, [("Status", {}), ("GetInfo", {"x": 1.5})])

    def test_more(self):
        def watch(_):
            yield {"n": 1}
            yield {"n": 2}
            return {"n": 3}
        agent = self.agent(Watch=watch)
        self.assertEqual(self.run_signet("call", "--more", "Watch"), '{"n":1}\n{"n":2}\n{"n":3}\n')
        self.assertEqual(self.run_signet("--json", "call", "--more", "Watch"), {"replies": [{"n": 1}, {"n": 2}, {"n": 3}]})
        self.assertEqual(agent.flags, [{"more": True}] * 2)

    def test_a_pin_comes_on_standard_input_only(self):
        agent = self.agent(UnlockToken={"ok": True})
        for name in ("pin", "soPin", "oldPin", "newPin", "identity"):
            self.run_signet("call", "UnlockToken", json.dumps({"token": "t", name: "1"}), code=10)
        self.assertIn("standard input", self.stderr)
        self.assertEqual(agent.calls, [])
        self.run_signet("call", "UnlockToken", "-", stdin='{"token": "t", "pin": "1"}')
        self.run_signet("call", "UnlockToken", '{"token": "t", "pin": null}')
        self.assertEqual([call[1]["pin"] for call in agent.calls], ["1", None])

    def test_what_is_no_object_is_not_sent(self):
        agent = self.agent(Status={})
        for json_text in ("", "[]", "{", '{"a": 1, "a": 2}', "{} {}", "nul"):
            self.run_signet("call", "Status", json_text, code=10)
        self.assertEqual(agent.calls, [])


class Repositories(CommandTest):
    def test_repository_is_a_word_of_every_listing(self):
        self.agent(ListRepositories={"repositories": [REPOSITORY]})
        self.assertIn("root 1, targets 3", self.run_signet("repository", "list"))
        self.assertEqual(self.run_signet("--json", "repository", "list"), {"repositories": [REPOSITORY]})


if __name__ == "__main__":
    unittest.main()
