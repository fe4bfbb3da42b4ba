"""signet policy: what it asks the agent, what it prints, how it ends; and once against the real agent."""
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["SIGNET_SOURCE_DIR"]) / "tests/integration"))
from agent_fixture import Agent  # noqa: E402
from fake_agent import CommandTest, Fault  # noqa: E402

SIGNETD = Path(os.environ["SIGNET_BIN_DIR"]) / "signetd"
VERDICT = {"outcome": "allowed", "rule": "own", "sentence": 'The rule "own" allows it.', "broken": [], "unknown": [],
           "approvals": 0, "approvers": [], "requesterMayApprove": False, "confirm": "none", "confirmedByTouch": False,
           "pinCacheSeconds": None, "sharedKey": False}
RULES = [{"rule": "first", "line": 3, "outcome": "not_matched", "why": 'role: the role is "a\u001b[31m".'},
         {"rule": "own", "line": 9, "outcome": "decided", "why": ""},
         {"rule": "last", "line": 12, "outcome": "not_reached", "why": ""}]
TEXT = '# A policy\n[[rule]]\nname = "é"\n'


class Show(CommandTest):
    def test_the_text_goes_out_as_it_is(self):
        agent = self.agent(ShowPolicy={"source": "/etc/signet/policy.toml", "text": TEXT})
        self.assertEqual(self.run_signet("policy", "show"), TEXT)
        self.assertIn("/etc/signet/policy.toml", self.stderr)
        self.assertEqual(self.run_signet("--json", "policy", "show"),
                         {"source": "/etc/signet/policy.toml", "text": TEXT})
        agent.answers["ShowPolicy"] = {"source": "built-in", "text": TEXT}
        self.assertEqual(self.run_signet("policy", "show"), TEXT)
        self.assertIn("built-in", self.stderr)


class Check(CommandTest):
    def setUp(self):
        super().setUp()
        (self.directory / "p.toml").write_text(TEXT)

    def test_a_good_policy(self):
        agent = self.agent(CheckPolicy={"mistakes": []})
        self.assertIn("p.toml is good", self.run_signet("policy", "check", "p.toml"))
        self.assertEqual(agent.calls, [("CheckPolicy", {"text": TEXT})])
        self.run_signet("policy", "check", "-", stdin=TEXT)
        self.assertEqual(agent.calls[-1], ("CheckPolicy", {"text": TEXT}))
        self.assertEqual(self.run_signet("--json", "policy", "check", "p.toml"), {"mistakes": [], "file": "p.toml"})

    def test_every_mistake_has_its_line_and_key(self):
        mistakes = [{"line": 2, "key": "rule.name", "why": "It is \u001b[31m."}, {"line": 7, "key": "", "why": "No TOML."}]
        self.agent(CheckPolicy={"mistakes": mistakes})
        self.assertEqual(self.run_signet("policy", "check", "p.toml", code=10),
                         "p.toml:2: rule.name: It is \\x1b[31m.\np.toml:7: No TOML.\n")
        self.assertEqual(self.run_signet("--json", "policy", "check", "p.toml", code=10)["mistakes"], mistakes)

    def test_a_file_that_cannot_be_read_is_not_sent(self):
        agent = self.agent(CheckPolicy={"mistakes": []})
        self.run_signet("policy", "check", "none.toml", code=1)
        (self.directory / "large.toml").write_text("#" * (256 * 1024 + 1))
        self.run_signet("policy", "check", "large.toml", code=1)
        self.assertEqual(agent.calls, [])


class Explain(CommandTest):
    def test_the_question_has_what_was_given_and_nothing_else(self):
        agent = self.agent(ExplainPolicy={"verdict": VERDICT, "rules": []})
        self.run_signet("policy", "explain", "--action", "unlock")
        self.assertEqual(agent.calls[-1], ("ExplainPolicy", {"question": {"action": "unlock"}}))
        self.run_signet("policy", "explain", "--as", "alice", "--action", "sign-metadata", "--key", "k", "--algorithm",
                        "ed25519", "--use", "tuf", "--touch", "--token", "t", "--repository", "a.example/b", "--role",
                        "root", "--at", "2026-11-22T08:00:00Z", "--issuer", "github", "--claim", "repository=org/app",
                        "--claim", "ref=a=b", "--expires", "2027-01-01T00:00:00Z", "--threshold", "root=2", "--threshold",
                        "targets=1", "--root-keys", "3", "--changed-target", "x", "--changed-target", "y",
                        "--other-versions", "4")
        self.assertEqual(agent.calls[-1][1]["question"], {
            "user": "alice", "action": "sign-metadata", "key": "k", "algorithm": "ed25519", "use": "tuf", "touch": True,
            "token": "t", "repository": "a.example/b", "role": "root", "at": "2026-11-22T08:00:00Z", "issuer": "github",
            "claims": {"repository": "org/app", "ref": "a=b"}, "expires": "2027-01-01T00:00:00Z",
            "thresholds": {"root": 2, "targets": 1}, "rootKeys": 3, "changedTargets": ["x", "y"],
            "delegationsChanged": False, "otherVersionsLastHour": 4})
        self.run_signet("policy", "explain", "--action", "sign-metadata", "--changed-target", "x", "--delegations-changed")
        self.assertTrue(agent.calls[-1][1]["question"]["delegationsChanged"])

    def test_what_it_says_and_how_it_ends(self):
        agent = self.agent(ExplainPolicy={"verdict": VERDICT, "rules": RULES})
        self.assertEqual(self.run_signet("policy", "explain", "--action", "unlock"),
                         'Allowed. The rule "own" allows it.\n\nThe rules, in their order:\n'
                         '  first (line 3): does not match; role: the role is "a\\x1b[31m".\n'
                         "  own (line 9): decides\n  last (line 12): not reached\n")
        self.assertEqual(self.run_signet("--json", "policy", "explain", "--action", "unlock"),
                         {"verdict": VERDICT, "rules": RULES})
        agent.answers["ExplainPolicy"] = {"verdict": {**VERDICT, "outcome": "refused"}, "rules": []}
        self.assertTrue(self.run_signet("policy", "explain", "--action", "unlock", code=9).startswith("Refused. "))
        agent.answers["ExplainPolicy"] = {"verdict": {**VERDICT, "outcome": "depends", "unknown": ["hours", "expires-at-most"],
                                                      "pinCacheSeconds": 60}, "rules": []}
        self.assertIn("It depends on what is not known here: hours and expires-at-most.",
                      self.run_signet("policy", "explain", "--action", "unlock", code=9))
        answer = self.run_signet("--json", "policy", "explain", "--action", "unlock", code=9)
        self.assertEqual(answer["verdict"]["pinCacheSeconds"], 60)
        agent.answers["ExplainPolicy"] = Fault("NotFound", kind="user", name="x")
        self.run_signet("policy", "explain", "--action", "unlock", "--as", "x", code=1)

    def test_a_wrong_option_asks_nothing(self):
        agent = self.agent(ExplainPolicy={"verdict": VERDICT, "rules": []})
        for options, code in ((("--action", "sing"), 2), ((), 2), (("--action", "adopt", "--claim", "x"), 10),
                              (("--action", "adopt", "--claim", "=x"), 10),
                              (("--action", "adopt", "--claim", "a=1", "--claim", "a=2"), 10),
                              (("--action", "adopt", "--threshold", "root"), 10),
                              (("--action", "adopt", "--threshold", "root=0"), 10),
                              (("--action", "adopt", "--threshold", "root=2x"), 10)):
            with self.subTest(options):
                self.run_signet("policy", "explain", *options, code=code)
        self.assertEqual(agent.calls, [])


class RealPolicy(CommandTest):
    """An agent without a policy file of its own: the built-in one."""

    def setUp(self):
        super().setUp()
        self.real = self.enterContext(Agent(self.directory / "agent", "[agent]\ndiscover-modules = false\n",
                                                   policy=None))

    def environment(self, **more):
        return super().environment(SIGNET_SOCKET=str(self.real.socket), **more)

    def test_what_is_shown_is_good_and_explained(self):
        shown = self.run_signet("policy", "show")
        self.assertIn('name = "own-root"', shown)
        (self.directory / "own.toml").write_text(shown)
        self.run_signet("policy", "check", "own.toml")
        self.assertEqual(subprocess.run([SIGNETD, "--check-policy", self.directory / "own.toml"], timeout=60).returncode, 0)
        text = self.run_signet("policy", "explain", "--action", "generate", "--key", "new")
        self.assertIn("A person must confirm it.", text)
        self.assertIn("own-new-key (line", text)
        self.run_signet("policy", "explain", "--action", "generate", "--key", "new", "--as", "4000000", code=9)

    def test_the_agent_and_signetd_find_the_same_mistakes(self):
        bad = self.directory / "bad.toml"
        bad.write_text('[[rule]]\nname = "a b"\nuser = "no-such-user"\naction = "sing"\npin-cache = 3\n')
        found = self.run_signet("--json", "policy", "check", bad, code=10)["mistakes"]
        self.assertEqual([(one["line"], one["key"]) for one in found],
                         [(2, "rule.name"), (3, "rule.user"), (4, "rule.action"), (5, "rule.pin-cache")])
        done = subprocess.run([SIGNETD, "--check-policy", bad], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, "".join(f"signetd: {bad}:{one['line']}: {one['key']}: {one['why']}\n" for one in found))


if __name__ == "__main__":
    unittest.main(verbosity=2)
