#!/usr/bin/python3
"""bench_test.py BUILD: that ./dev bench runs, in its smallest form, and that what it writes is whole: no figure of it is
judged."""
import json
import math
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(sys.argv[1])
CLIENTS = ("1", "16", "64")
BLOCKS = ("machine", "goals", "rates", "batches", "isolation", "growth", "memory", "parts", "plot")
AGENTS = {"signet", "signet grouped", "signet durable"}
PEERS = {"in process", "p11-kit", "ssh-agent", *AGENTS}
ONLY_HERE = {"ed25519": {"in process", *AGENTS}}  # what the other peers cannot
SVG = "{http://www.w3.org/2000/svg}"


def run(*arguments):
    return subprocess.run([sys.executable, "-B", HERE / "bench.py", BUILD, *arguments], capture_output=True, text=True)


def check(holds, what):
    if not holds:
        raise SystemExit(f"FAILED: {what}")


def check_cells(document):
    places = {}
    for cell in document["cells"]:
        places.setdefault((cell["token"], cell["algorithm"], cell["clients"]), set()).add(cell["peer"])
        for name in ("rate", "p50_us", "p99_us"):
            check(math.isfinite(cell[name]) and cell[name] > 0, f"{name} of {cell}")
        check(cell["p50_us"] <= cell["p99_us"], f"the percentiles of {cell}")
        check(len(cell["rounds"]) == 1, f"one round of {cell}")
        check(cell["cpu_us"]["clients"] > 0, f"the clients' CPU time of {cell}")
        if cell["peer"].startswith("signet"):
            for program in ("signetd", "signetd/ledger", "signet-token-host"):
                check(program in cell["cpu_us"], f"CPU time of {program} in {cell}")
    wanted = {("softhsm", algorithm, int(clients)) for algorithm in ("ecdsa-p256", "rsa-2048", "ed25519") for clients in CLIENTS}
    wanted |= {("5 ms", "ecdsa-p256", int(clients)) for clients in CLIENTS}
    check(set(places) == wanted, f"the places {sorted(places)}")
    for place, peers in places.items():
        check(peers == ONLY_HERE.get(place[1], PEERS), f"the peers at {place}: {sorted(peers)}")


def check_documents(page):
    text = page.read_text()
    for name in BLOCKS:
        block = text.split(f"<!-- bench: {name} -->\n", 1)[1].split("<!-- bench: end -->", 1)[0]
        check(block.strip(), f"the block {name} of {page.name} is filled")
    check("what people wrote" in text, "the page keeps its text")
    plot = xml.etree.ElementTree.parse(page.with_suffix(".svg")).getroot()
    bars = [box for box in plot.iter(f"{SVG}rect") if box.find(f"{SVG}title") is not None]
    # For each number of clients: all peers but the first on P-256, RSA and 5 ms; the agents on Ed25519.
    check(len(bars) == (3 * (len(PEERS) - 1) + len(AGENTS)) * len(CLIENTS), f"the plot has {len(bars)} bars")


def main():
    refused = run("--only", "nothing")
    check(refused.returncode != 0 and "nothing" in refused.stderr, f"a section that is not there is refused: {refused.stderr}")
    with tempfile.TemporaryDirectory(prefix="signet-bench-test-") as scratch:
        page, results = Path(scratch) / "performance.md", Path(scratch) / "results.json"
        page.write_text("what people wrote\n" + "".join(f"<!-- bench: {name} -->\n<!-- bench: end -->\n" for name in BLOCKS))
        done = run("--short", "--rounds", "1", "--seconds", "0.2", "--clients", ",".join(CLIENTS), "--growth", "2000,20",
                   "--json", results, "--write-docs", page)
        check(done.returncode == 0, f"bench.py ends with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        document = json.loads(results.read_text())
        check_cells(document)
        for goal in document["goals"]:
            check(goal["found"] is not None and math.isfinite(goal["found"]) and goal["found"] > 0, f"a figure for {goal}")
            check(goal["what"] in done.stdout, f"{goal['what']} is printed")
        check_documents(page)


if __name__ == "__main__":
    main()
