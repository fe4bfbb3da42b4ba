"""The module conformance matrix: every row of rows.py asked of every module of modules.py, through signetd. What cannot be is
expected by name, below: the test fails if such a cell works, if it fails in another way, or if another cell fails.
docs/modules.md holds the matrix; "matrix_test.py --write" writes it anew."""
from __future__ import annotations

import os
import re
import sys
import time
import unittest
from pathlib import Path

from agent_fixture import Scratch
from varlink_client import VarlinkError

from expected import CANNOT
from modules import MODULES, Module, Unavailable
from page import page
from rows import ROWS, Bench, NoSuchKey

PAGE = Path(os.environ["SIGNET_SOURCE_DIR"]) / "docs/modules.md"
WORKS = "works"


def outcome(row: str, bench: Bench) -> str:
    """WORKS, or the error's name with the Cryptoki return value in its message."""
    try:
        ROWS[row](bench)
        return WORKS
    except NoSuchKey:
        return "no such key"
    except VarlinkError as error:
        ckr = re.search(r"\bCKR_\w+", str(error))
        return f"{error.short} {ckr[0]}" if ckr else str(error.short)


class Matrix(unittest.TestCase):
    maxDiff = None
    def column(self, kind: type[Module], directory: Path) -> dict[str, bool]:
        module, begun = kind(directory), time.monotonic()
        try:
            try:
                module.start()
            except Unavailable as reason:
                with self.subTest(module=kind.column):
                    self.skipTest(f"{kind.column} was not asked: {reason}")
                return {row: row not in CANNOT.get(kind.column, {}) for row in ROWS}
            with Bench(module).agent_running() as bench:
                return {row: self.cell(kind.column, row, bench) for row in ROWS}
        finally:
            module.stop()
            print(f"{kind.column}: {time.monotonic() - begun:.1f} s", file=sys.stderr)

    def cell(self, column: str, row: str, bench: Bench) -> bool:
        """Whether it works; as expected, or the test fails."""
        cannot = CANNOT.get(column, {}).get(row)
        found = "an assertion failed"
        with self.subTest(module=column, row=row):
            found = outcome(row, bench)
            where = f"{column}, {row}; signetd's log ends with\n{bench.log_tail()}"
            self.assertRegex(found, rf"\A{cannot.outcome if cannot else WORKS}\Z", where)
        return found == WORKS

    def test_every_module(self) -> None:
        found = {}
        for kind in MODULES:
            with Scratch() as directory:
                found[kind.column] = self.column(kind, directory)
        written = page(found)
        if "--write" in sys.argv:
            PAGE.write_text(written)
        with self.subTest("docs/modules.md; matrix_test.py --write writes it"):
            self.assertEqual(PAGE.read_text(), written)

    def test_what_is_expected_exists(self) -> None:
        self.assertLessEqual(set(CANNOT), {kind.column for kind in MODULES})
        for column, rows in CANNOT.items():
            self.assertLessEqual(set(rows), set(ROWS), column)


if __name__ == "__main__":
    unittest.main(argv=[argument for argument in sys.argv if argument != "--write"])
