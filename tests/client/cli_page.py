"""docs/cli.md holds what --help says of every verb. This test fails where they differ; "cli_page.py --write" mends it."""
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

SIGNET = Path(os.environ["SIGNET_BIN_DIR"]) / "signet"
PAGE = Path(os.environ["SIGNET_SOURCE_DIR"]) / "docs/cli.md"
VERBS = {"ledger list", "ledger show", "ledger backup", "ledger restore",
         "init", "status", "token list", "token init", "token unlock", "token lock",
         "token change-pin", "token unblock", "token reset-pin-budget", "key generate", "key certificate issue",
         "key certificate request", "key certificate show", "key certificate store", "key enrol", "key attest", "key list", "key show", "key retire", "key forget",
         "repository create", "repository adopt",
         "repository observe", "repository list", "tuf sign", "tuf show", "tuf verify", "sign", "verify", "policy show",
         "policy check", "policy explain", "request list", "request show", "request approve", "request deny",
         "request sign", "ledger export", "ledger verify", "ledger proof", "ledger verify-proof", "ledger check",
         "ledger clear-quarantine", "call"}
HEAD = """# The `signet` command

What `signet --help`, and `--help` after each verb, prints; a test holds this page against it
(`tests/client/cli_page.py --write` writes it anew).

Output is for people unless `--json` is given: then standard output gets exactly one JSON document, whose members are those
of [org.signet.Agent](../protocol/org.signet.Agent.varlink), and an error is
`{"error": {"name": …, "message": …, "parameters": …}}`. What a person must know meanwhile (touch the token, insert one)
goes to standard error. The exit code says what kind of end it was, with `--json` too.

The environment: `SIGNET_SOCKET` (where the agent listens), `SIGNET_REPOSITORY` (what `tuf sign` signs for),
`SIGNET_IDENTITY_TOKEN_FILE` (the identity token that a CI job sends with what is to be signed), `NO_COLOR`.
"""


def help_of(*verbs):
    return subprocess.run([SIGNET, *verbs, "--help"], check=True, capture_output=True, text=True, timeout=60,
                          env={"LC_ALL": "C.UTF-8"}).stdout


def verbs_below(text):
    section = re.search(r"^Verbs:\n((?:  .*\n)+)", text, re.M)
    return re.findall(r"^  (\S+)", section[1], re.M) if section else []


def walk(*verbs):
    """Every verb with its help, groups before what is in them."""
    text = help_of(*verbs)
    yield verbs, text
    for verb in verbs_below(text):
        yield from walk(*verbs, verb)


def page():
    parts = [HEAD]
    for verbs, text in walk():
        parts.append(f"\n{'##' if len(verbs) < 2 else '###'} {' '.join(('signet', *verbs))}\n\n```text\n{text}```\n")
    return "".join(parts)


class CliPage(unittest.TestCase):
    maxDiff = None

    def test_the_page_says_what_help_says(self):
        self.assertEqual(PAGE.read_text(), page())

    def test_help_is_whole_and_fits_a_terminal(self):
        everything = list(walk())
        self.assertEqual({" ".join(verbs) for verbs, text in everything if not verbs_below(text)}, VERBS)
        for verbs, text in everything:
            with self.subTest(verbs):
                self.assertRegex(text, r"\A[A-Z].*\.\n\nUsage: signet")
                self.assertLessEqual(max(map(len, text.splitlines())), 100)
                self.assertNotRegex(text, r"[ \t]\n")
                if not verbs_below(text):
                    self.assertRegex(text, r"\nExamples?:\n  signet")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page())
    else:
        unittest.main()
