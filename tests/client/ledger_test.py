"""signet ledger: what it asks the agent, what it prints, how it ends."""
import base64
import hashlib
import json
import os
import subprocess
import unittest

from fake_agent import KEY, SIGNET, CommandTest, Fault

DETAIL, SALT = '{"gid":1000,"pid":7}', b"s" * 32
DIGEST = "12" * 32


def record(sequence, kind="sign.intent", **body):
    statement = {"body": body, "detail": hashlib.sha256(SALT + DETAIL.encode()).hexdigest(), "kind": kind,
                 "sequence": sequence, "time": "2026-11-21T23:00:00Z", "uid": os.getuid()}
    return {"sequence": sequence, "time": statement["time"],
            "statement": json.dumps(statement, sort_keys=True, separators=(",", ":")).replace("\\n", "\n")}


INTENT = record(6, repository="example.com/app", role="targets", version=7, digest=DIGEST, keys=[KEY["fingerprint"]])
OUTCOME = record(7, "sign.outcome", repository="example.com/app", role="targets", version=7, digest=DIGEST, intent=6,
                 result="released", signed=[KEY["fingerprint"]], failed=[])


class List(CommandTest):
    def test_a_table_with_names(self):
        agent = self.agent(ListRecords={"records": [OUTCOME, INTENT], "next": None}, ListKeys={"keys": [KEY]})
        lines = self.run_signet("ledger", "list").splitlines()
        self.assertRegex(lines[0], r"^RECORD +TIME \(UTC\) +WHO +WHAT$")
        self.assertRegex(lines[1], r"^6 +2026-11-21 23:00:00 +\S+ +asked to sign example\.com/app targets 7 "
                                   r"\(sha256 12121212\) with root-a$")
        self.assertRegex(lines[2], r"released example\.com/app targets 7 .*signed by root-a \(record 6\)$")
        self.assertEqual(agent.asked("ListRecords"), [{"filter": {}, "newestFirst": True, "limit": 51}])

    def test_every_filter_is_the_agents(self):
        agent = self.agent(ListRecords={"records": [], "next": None})
        text = self.run_signet("ledger", "list", "--since", "2026-11-21", "--until", "2026-11-22T01:02:03Z", "--key", "k",
                               "--repository", "r", "--role", "o", "--who", "root", "--kind", "sign", "--outcome",
                               "released", "--all")
        self.assertEqual(text, "No record of the ledger is like that.\n")
        self.assertEqual(agent.asked("ListRecords")[0]["filter"], {
            "since": "2026-11-21T00:00:00Z", "until": "2026-11-22T01:02:03Z", "key": "k", "repository": "r", "role": "o",
            "uid": 0, "kind": "sign", "outcome": "released"})
        self.run_signet("ledger", "list", "--since", "24h", "--who", "4711")
        self.assertRegex(agent.asked("ListRecords")[1]["filter"]["since"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(agent.asked("ListRecords")[1]["filter"]["uid"], 4711)

    def test_what_is_wrong_is_said_and_nothing_is_asked(self):
        agent = self.agent()
        for arguments, words in ((("--since", "yesterday"), "is no time"), (("--who", "nobody-here"), "has no user"),
                                 (("--last", "0"), "--last"), (("--last", "3", "--all"), "excludes"),
                                 (("--follow", "--all"), "excludes")):
            with self.subTest(arguments):
                self.assertEqual(self.run_signet("ledger", "list", *arguments, code=self.code(arguments)), "")
                self.assertIn(words, self.stderr)
        self.assertEqual(agent.calls, [])

    @staticmethod
    def code(arguments):
        return 2 if len(arguments) > 2 or "--all" in arguments else 10

    def test_pages_are_walked_until_there_are_enough(self):
        def answer(call):
            if call.get("after") is None:
                return {"records": [record(9), record(8)], "next": 8}
            if call["after"] == 8:
                return {"records": [], "next": 5}
            return {"records": [record(4), record(3)], "next": 3}
        agent = self.agent(ListRecords=answer)
        found = self.run_signet("--json", "ledger", "list", "--last", "3")
        self.assertEqual([one["sequence"] for one in found["records"]], [4, 8, 9])
        self.assertTrue(found["more"])
        self.assertEqual([call.get("after") for call in agent.asked("ListRecords")], [None, 8, 5])
        self.assertEqual(found["records"][0]["body"], {})

    def test_hostile_text_stays_text(self):
        # Escapes make a statement unreadable; line feeds do not.
        self.agent(ListRecords={"records": [record(1, "x\033[2J"), record(2, "odd", note="a\n3  forged")], "next": None})
        text = self.run_signet("ledger", "list")
        self.assertNotIn("\033", text)
        self.assertIn("(cannot be read)", text)
        self.assertIn("odd: note a\\x0a3  forged", text)

    def test_following(self):
        def stream(_):
            yield {"records": [INTENT]}
            yield {"records": [OUTCOME]}
            return {"records": []}
        self.agent(FollowLedger=stream, ListKeys={"keys": [KEY]})
        lines = self.run_signet("ledger", "list", "--follow").splitlines()
        self.assertRegex(lines[0], r"^6  2026-11-21 23:00:00  \S+  asked to sign .* with root-a$")
        self.assertEqual(len(lines), 2)

    def test_following_as_json_is_a_line_for_each(self):
        def stream(_):
            yield {"records": [INTENT, OUTCOME]}
            return {"records": []}
        agent = self.agent(FollowLedger=stream, ListKeys={"keys": []})
        done = subprocess.run(
            [SIGNET, "--json", "ledger", "list", "--follow", "--after", "5"], capture_output=True,
            text=True, timeout=60, env=self.environment())
        self.assertEqual([json.loads(line)["kind"] for line in done.stdout.splitlines()], ["sign.intent", "sign.outcome"])
        self.assertEqual(agent.asked("FollowLedger"), [{"filter": {}, "after": 5}])

    def test_an_error_while_following(self):
        self.agent(FollowLedger=Fault("LedgerUnavailable", "The disk is full.", why="full"), ListKeys={"keys": []})
        self.run_signet("ledger", "list", "--follow", code=1)
        self.assertIn("The disk is full.", self.stderr)


class Show(CommandTest):
    def shown(self, **more):
        return {"record": INTENT, "partner": OUTCOME, "detail": None, **more}

    def test_in_full_with_its_outcome(self):
        agent = self.agent(ShowRecord=self.shown(), ListKeys={"keys": [KEY]})
        text = self.run_signet("ledger", "show", "6")
        for words in ("Record 6 of 2026-11-21T23:00:00Z", "asked to sign example.com/app targets 7", f"digest: {DIGEST}",
                      "Its outcome is record 7  ", "--private asks the agent for it"):
            self.assertIn(words, text)
        self.assertEqual(agent.asked("ShowRecord"), [{"sequence": 6, "disclose": False}])

    def test_the_private_detail_is_held_against_its_hash(self):
        detail = {"salt": base64.b64encode(SALT).decode(), "detail": DETAIL}
        agent = self.agent(ShowRecord=self.shown(detail=detail), ListKeys={"keys": []})
        self.assertIn("pid: 7", self.run_signet("ledger", "show", "6", "--private"))
        self.assertEqual(agent.asked("ShowRecord"), [{"sequence": 6, "disclose": True}])
        agent.answers["ShowRecord"] = self.shown(detail={**detail, "detail": DETAIL.replace("7", "8")})
        self.assertIn("NOT what the record's hash was made of", self.run_signet("ledger", "show", "6", "--private", code=7))
        self.assertFalse(self.run_signet("--json", "ledger", "show", "6", "--private", code=7)["detail"]["matches"])

    def test_refusals(self):
        self.agent(ShowRecord=Fault("PolicyDenied", "Not for you.", rule="same-uid"), ListKeys={"keys": []})
        self.run_signet("ledger", "show", "6", "--private", code=9)
        self.run_signet("ledger", "show", "0", code=10)
        self.run_signet("ledger", "show", "six", code=2)


class Backup(CommandTest):
    def test_the_agent_is_given_the_whole_path(self):
        reply = {"file": "/x/y.db", "ledger": "aa" * 32, "records": 7, "bytes": 4096}
        agent = self.agent(BackupLedger=reply)
        self.assertIn("with 7 records, is backed up in /x/y.db (4096 bytes)", self.run_signet("ledger", "backup", "sub/../y.db"))
        self.assertEqual(agent.asked("BackupLedger"), [{"file": str(self.directory.resolve() / "y.db")}])
        self.assertEqual(self.run_signet("--json", "ledger", "backup", "/x/y.db"), reply)

    def test_what_is_there_is_not_replaced(self):
        self.agent(BackupLedger=Fault("AlreadyExists", "It is there.", kind="object", name="/x"))
        self.run_signet("ledger", "backup", "/x", code=1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
