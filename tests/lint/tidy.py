#!/usr/bin/python3
"""tidy.py BUILD JOBS LOG [SECONDS]: clang-tidy (the checks of .clang-tidy) on every translation unit of the programs and
libraries. With SECONDS it begins no file after them: those that changed last come first, and it says how many it left.

Tests are left out: they are compiled by two compilers with all warnings, and run under three sanitizers, which finds
more in them for less time. A file that was clean is looked at again only when it, a header it includes, its command or
.clang-tidy has changed since: BUILD/tidy-clean holds a hash of all of these."""
import concurrent.futures
import hashlib
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TIDY = "clang-tidy-16"


def translation_units(build):
    """(file, object, command) of what is ours."""
    ours = re.compile(re.escape(str(ROOT)) + "/(agent|pkcs11|protocol|client)/")
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if ours.match(entry["file"]):
            words = shlex.split(entry["command"])
            yield entry["file"], words[words.index("-o") + 1], entry["command"]


def dependencies(build):
    """object -> the files it was made from, as ninja wrote them down when it compiled."""
    text = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], check=True, capture_output=True, text=True).stdout
    found, current = {}, None
    for line in text.splitlines():
        if line.startswith("    "):
            current.append(line.strip())
        elif ": #deps" in line:
            current = found.setdefault(line.split(": #deps")[0], [])
    return found


def last_changes():
    """path -> when a commit changed it last (Unix seconds). What is not committed yet is the newest."""
    def git(*words):
        done = subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True)
        return done.stdout.replace("\n", "\0").split("\0")

    changed, when = {str(ROOT / name): time.time() for name in git("diff", "HEAD", "--name-only", "-z") if name}, 0
    for word in git("log", "--format=%n%ct", "--name-only", "-z"):
        if word.isdigit():
            when = int(word)
        elif word:
            changed.setdefault(str(ROOT / word), when)
    return changed


def newest_first(build, files, made_from):
    """`files` (name, object): those first that changed last, or a header of ours that they include."""
    changed = last_changes()

    def newest(file):
        sources = (str((build / name).resolve()) for name in made_from[file[1]])
        times = [changed.get(name, time.time()) for name in sources
                 if name.startswith(f"{ROOT}/") and not name.startswith(f"{build}/")]
        return max(times), changed.get(file[0], time.time())

    return sorted(files, key=newest, reverse=True)


def state_of(build, files, command, hashes):
    digest = hashlib.sha256(command.encode())
    for name in [str(ROOT / ".clang-tidy"), *files]:
        if name not in hashes:
            hashes[name] = hashlib.sha256((build / name).read_bytes()).hexdigest()
        digest.update(f"{name} {hashes[name]}\n".encode())
    return digest.hexdigest()


def findings_in(output):
    """A finding counts where it stands in our files; what does not compile counts wherever it stands. CallAndMessage is
    off in .clang-tidy (it misreads Asio's coroutines), but clang-tidy runs all core checkers if it runs one."""
    lines = (line for line in output.splitlines() if re.search(r": (error|warning): ", line)
             and "[clang-analyzer-core.CallAndMessage" not in line)
    return [line for line in lines if line.startswith(f"{ROOT}/") or "clang-diagnostic-error" in line]


def look_at(build, name, end):
    """(findings, output), or None: there was no time left to begin it."""
    if time.monotonic() > end:
        return None
    done = subprocess.run([TIDY, "-quiet", "-p", str(build), name], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    findings = findings_in(done.stdout)
    # It ends with 1 for findings, ours or not; without any output it failed in another way.
    if done.returncode != 0 and not done.stdout.strip():
        findings.append(f"{name}: {TIDY} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return findings, done.stdout


def main():
    build, jobs, log = Path(sys.argv[1]).resolve(), int(sys.argv[2]), Path(sys.argv[3])
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else float("inf")
    memory = build / "tidy-clean"
    clean = set(memory.read_text().split()) if memory.exists() else set()
    made_from, hashes, states, objects = dependencies(build), {}, {}, {}
    for name, made, command in translation_units(build):
        if made not in made_from:
            raise SystemExit(f"{name} is not built yet: ./dev build, then ./dev lint.")
        states[name], objects[name] = state_of(build, made_from[made], command, hashes), made
    open_files = [name for name in states if states[name] not in clean]
    if seconds != float("inf"):
        open_files = [name for name, _ in newest_first(build, [(name, objects[name]) for name in open_files], made_from)]

    found, left, end = set(), 0, time.monotonic() + seconds
    still_clean = {state for state in states.values() if state in clean}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool, open(log, "w", encoding="utf-8") as text:
        for name, look in zip(open_files, pool.map(lambda file: look_at(build, file, end), open_files)):
            if look is None:
                left += 1
                continue
            findings, output = look
            text.write(f"== {name}\n{output}\n")
            text.flush()
            found.update(findings)  # one in a header comes with every file that includes it
            if not findings:
                still_clean.add(states[name])
                memory.write_text("\n".join(sorted(still_clean)) + "\n")  # at once: a run that is cut short counts
    if found:
        print("\n".join(sorted(found)))
        raise SystemExit(f"{len(found)} findings; the whole log is {log}.")
    print(f"{len(states)} files, {len(open_files)} of them changed since they were last clean"
          + (f"; the {left} of these that changed least recently were left out for lack of time" if left else ""))


if __name__ == "__main__":
    main()
