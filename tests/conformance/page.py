"""docs/modules.md, from what a run of the matrix found."""
from __future__ import annotations

from expected import CANNOT
from modules import MODULES
from rows import ROWS

HEAD = """# PKCS#11 modules

What the agent needs of a module, asked of `signetd` by tests/conformance on Debian 12; signatures are verified with openssl.
The test fails when a cell changes, whether for the worse or for the better; `matrix_test.py --write` writes this page.
A number stands where something cannot be, and says below why.

"""


def page(found: dict[str, dict[str, bool]]) -> str:
    """found: for each column and row whether it works."""
    columns = [kind.column for kind in MODULES]
    reasons: dict[tuple[str, str], int] = {}  # column and reason, to the number of its note

    def cell(column: str, row: str) -> str:
        if found[column][row]:
            return "yes"
        cannot = CANNOT.get(column, {}).get(row)
        return str(reasons.setdefault((column, cannot.why), len(reasons) + 1)) if cannot else "FAILED"

    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    lines += [f"| {row} | " + " | ".join(cell(column, row) for column in columns) + " |" for row in ROWS]
    about = [f"- {kind.column}: {kind.about}" for kind in MODULES]
    notes = [f"{number}. {column}: {why}" for (column, why), number in reasons.items()]
    return HEAD + "\n".join([*lines, "", *about, "", *notes]) + "\n"
