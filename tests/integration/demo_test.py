"""The demo, as a newcomer runs it; then python-tuf reads what it left behind, as somebody else's tools would."""
import os
import re
import subprocess
import time
import unittest
from pathlib import Path

from tuf.api.exceptions import DownloadError, RepositoryError

from agent_fixture import BIN, Scratch
from tuf_client import Mirror, fetch

DEMO = Path(os.environ["SIGNET_SOURCE_DIR"]) / "tests/demo/demo.sh"
# Other bytes, a second label (twice), a lower threshold, a wrong key, a digest; and a root below its threshold.
REFUSALS = 8


def read_folder(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = cls.enterClassContext(Scratch())
        cls.kept = scratch / "kept"
        begun = time.monotonic()
        cls.demo = subprocess.run([DEMO, BIN, "--keep", cls.kept], stdin=subprocess.DEVNULL, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        cls.seconds = time.monotonic() - begun
        if cls.demo.returncode != 0:
            raise AssertionError(f"the demo ended with {cls.demo.returncode}:\n{cls.demo.stdout}")
        print(f"the demo took {cls.seconds:.1f} s")
        cls.anchor = (cls.kept / "root.json").read_bytes()
        cls.files = read_folder(cls.kept / "repository")
        cls.mirror = cls.enterClassContext(Mirror({}))

    def fetch(self, files, paths=("README", "releases/tool-1.0.tar")):
        self.mirror.files = files
        return fetch(self.mirror.url, self.anchor, paths)

    def test_every_refusal_was_shown(self):
        self.assertEqual(self.demo.stdout.count("→ refused"), REFUSALS)
        self.assertIn(f"{REFUSALS} requests refused", self.demo.stdout)

    def test_it_is_quick(self):
        # On two cores that other tests share; a sanitizer's build takes about three times as long.
        self.assertLess(self.seconds, 90)

    def test_python_tuf_verifies_what_it_left(self):
        version, found = self.fetch(self.files)
        self.assertEqual(version, 2)
        self.assertEqual(found["README"], (self.kept / "readme.txt").read_bytes())
        self.assertEqual(found["releases/tool-1.0.tar"], (self.kept / "tool-1.0.tar").read_bytes())

    def test_one_flipped_byte_of_any_file_fails(self):
        for name, data in self.files.items():
            if name == "metadata/1.root.json":
                continue  # the anchor's own bytes are what the client has
            position = data.index(b'"expires"') + 16 if name.startswith("metadata/") else len(data) // 2
            with self.subTest(file=name):
                broken = {**self.files, name: data[:position] + bytes([data[position] ^ 1]) + data[position + 1:]}
                self.assertRaises((RepositoryError, DownloadError, ValueError), self.fetch, broken)

    def test_the_anchor_is_the_published_first_root(self):
        self.assertEqual(self.anchor, self.files["metadata/1.root.json"])

    def test_the_ledger_and_the_logs_are_there(self):
        self.assertTrue((self.kept / "state" / "ledger.db").is_file())
        self.assertTrue((self.kept / "logs" / "signetd.log").is_file())

    def test_no_pin_is_in_what_it_said_or_logged(self):
        pins = [(self.kept / name).read_bytes().strip() for name in ("pin", "so-pin")]
        said = [self.demo.stdout.encode(), *read_folder(self.kept / "logs").values(),
                *read_folder(self.kept / "state").values()]
        for pin in pins:
            self.assertGreaterEqual(len(pin), 8)
            self.assertFalse([True for text in said if pin in text])

    def test_its_scratch_folder_is_gone(self):
        scratch = re.search(r"Everything happens in (\S+)\.\n", self.demo.stdout)
        self.assertIsNotNone(scratch)
        self.assertFalse(Path(scratch.group(1)).exists())

    def test_it_overwrites_nothing(self):
        again = subprocess.run([DEMO, BIN, "--keep", self.kept], stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("nothing is overwritten", again.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
