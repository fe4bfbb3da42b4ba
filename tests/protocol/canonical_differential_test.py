#!/usr/bin/env python3
"""Holds our canonical JSON against securesystemslib's encoder: canonical_differential_test.py PROGRAM VENV [SEED].

PROGRAM is canonicalise_stdin; VENV a folder for a virtual environment, made on the first run. The seed is printed, and a
failure is repeated by giving it.
"""

import base64
import json
import pathlib
import random
import subprocess
import sys
import venv

PACKAGE = "securesystemslib==1.6.0"
ACCEPTED = 12_000
REFUSED = 3_000
MAX_INTEGER = 2**53

# One character of every kind that matters for order, for escaping or for UTF-8's lengths.
VALUE_CHARACTERS = "aZ09 /<>&'\"\\é߿ࠀ€\u2028\u2029퟿\ue000￿\U00010000😀\U0010ffff\u00a0\u200d\n"
KEY_CHARACTERS = [c for c in VALUE_CHARACTERS if ord(c) < 0x10000 and c != "\n"]


def ensure_environment(folder):
    """Runs this script again inside the virtual environment, unless it is there already."""
    stamp = folder / PACKAGE
    if pathlib.Path(sys.prefix).resolve() == folder.resolve():
        return
    python = folder / "bin" / "python"
    if not stamp.exists():
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True)
        stamp.touch()
    sys.exit(subprocess.run([python, *sys.argv], check=False).returncode)


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, characters):
        if self.random.random() < 0.1:
            return ""
        out = "".join(self.random.choice(characters) for _ in range(self.random.randrange(1, 12)))
        if self.random.random() < 0.2:  # anything else that is allowed there
            point = self.random.choice([self.random.randrange(0x20, 0x7F), self.random.randrange(0xA0, 0xD800)])
            out += chr(point)
        return out

    def integer(self):
        return self.random.choice(
            [
                self.random.randrange(-5, 6),
                self.random.randrange(-MAX_INTEGER, MAX_INTEGER + 1),
                self.random.choice([MAX_INTEGER, -MAX_INTEGER, MAX_INTEGER - 1, 2**31, -(2**31), 2**32]),
            ]
        )

    def value(self, depth):
        kind = self.random.randrange(7 if depth > 0 else 4)
        if kind == 0:
            return self.random.choice([None, True, False])
        if kind == 1:
            return self.integer()
        if kind in (2, 3):
            return self.text(VALUE_CHARACTERS)
        if kind == 4:
            return [self.value(depth - 1) for _ in range(self.random.randrange(5))]
        return {self.text(KEY_CHARACTERS): self.value(depth - 1) for _ in range(self.random.randrange(7))}

    def document(self):
        if self.random.random() < 0.05:  # deep and thin
            value = self.value(0)
            for _ in range(self.random.randrange(1, 17)):
                value = [value] if self.random.random() < 0.5 else {self.text(KEY_CHARACTERS): value}
            return value
        return self.value(self.random.randrange(6))

    def spell(self, value):
        ascii_only = self.random.random() < 0.5
        return json.dumps(value, ensure_ascii=ascii_only, separators=self.random.choice([(",", ":"), (", ", " : ")]))

    def spoiled(self):
        """A document with one thing in it that we refuse, and our name for it."""
        why, text = self.random.choice(
            [
                ("float", repr(self.random.uniform(-1e6, 1e6))),
                ("integer-range", str(self.random.choice([-1, 1]) * (MAX_INTEGER + self.random.randrange(1, 2**80)))),
                ("negative-zero", "-0"),
                ("control-character", '"x\\u00%02x"' % self.random.choice([0, 1, 9, 13, 31, 127, 128, 159])),
                ("lone-surrogate", '"\\u%04x"' % self.random.randrange(0xD800, 0xE000)),
                ("duplicate-key", '{"k":1,"j":2,"\\u006b":3}'),
                ("non-bmp-key", '{"%s":1}' % chr(self.random.randrange(0x10000, 0x110000))),
                ("depth", "[" * 17 + "]" * 17),
                ("syntax", "nul"),
            ]
        )
        for _ in range(self.random.randrange(4)):
            text = self.random.choice(["[1,%s]", '{"a":%s}', '[%s,"b"]', '{"a":1,"b":%s}']) % text
        return why, text


def run(program, lines):
    result = subprocess.run(
        [program], input="\n".join(lines) + "\n", capture_output=True, encoding="utf-8", check=False
    )
    if result.returncode != 0:
        sys.exit(f"FAILED: {program}: {result.stderr}")
    answers = result.stdout.split("\n")[:-1]
    if len(answers) != len(lines):
        sys.exit(f"FAILED: {len(lines)} documents gave {len(answers)} answers")
    return answers


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    ensure_environment(folder)
    from securesystemslib.formats import encode_canonical  # noqa: PLC0415: only there in the environment

    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)
    generator = Generator(seed)
    documents = [generator.document() for _ in range(ACCEPTED)]
    failures = 0
    for document, answer in zip(documents, run(program, [generator.spell(d) for d in documents]), strict=True):
        expected = encode_canonical(document)
        ours = answer if answer.startswith("refused") else base64.b64decode(answer).decode("utf-8")
        if ours != expected:
            failures += 1
            print(f"DIFFERENT for {document!r}:\n  theirs {expected!r}\n  ours   {ours!r}")
    spoiled = [generator.spoiled() for _ in range(REFUSED)]
    for (why, text), answer in zip(spoiled, run(program, [text for _, text in spoiled]), strict=True):
        if answer != f"refused {why}":
            failures += 1
            print(f"NOT REFUSED as {why}: {text!r}: {answer!r}")
    if failures:
        sys.exit(f"FAILED: {failures} differences; repeat with seed {seed}")
    print(f"{ACCEPTED} documents have the canonical form of {PACKAGE}; {REFUSED} others were refused as they should be")


main()
