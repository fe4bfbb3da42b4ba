"""A run's results as tables; a table as text for a terminal and as Markdown for docs/performance.md."""
import statistics
from collections import namedtuple

# columns: their heads; all but the first `texts` of them hold numbers. rows: texts.
Table = namedtuple("Table", "name title columns texts rows")


def tables(results):
    """Of all that was measured."""
    made = (goals_table(results), rates_table(results), batches_table(results), isolation_table(results), growth_table(results), memory_table(results),
            parts_table(results))
    return [table for table in made if table.rows]


def number(value, digits=0):
    return "–" if value is None else f"{value:,.{digits}f}"


def goals_table(results):
    rows = [[goal["what"], "reached" if goal["reached"] else "MISSED", goal["wanted"], number(goal["found"], 2)]
            for goal in results.document["goals"] if goal["found"] is not None]
    return Table("goals", "Goals", ["what", "", "wanted", "found"], 2, rows)


def cpu_text(cell):
    """The programs that cost at least half a microsecond a signature, the dearest first."""
    spent = sorted(((time, program) for program, time in cell["cpu_us"].items() if time >= 0.5), reverse=True)
    return ", ".join(f"{program} {time:.0f}" for time, program in spent)


def rates_table(results):
    rows = []
    for place in results.places():
        for peer in results.peers(place):
            cell = results.cell(*place, peer)
            rows.append([f"{place[0]}, {place[1]}", peer, cpu_text(cell), str(place[2]), number(cell["rate"]), number(cell["p50_us"]),
                         number(cell["p99_us"]), number(results.ratio(place, peer, "in process"), 2)])
    return Table("rates", "Rates: closed loop, medians of the rounds", ["token, key", "peer", "CPU µs a signature", "clients",
                                                                        "a second", "p50 µs", "p99 µs", "of in process"], 3, rows)


def medians_by_peer(found, digits):
    """Rows: each peer, and the median of each of these numbers ({name: digits})."""
    rows = []
    for peer in dict.fromkeys(one["peer"] for one in found):
        mine = [one for one in found if one["peer"] == peer]
        rows.append([peer] + [number(statistics.median(one[name] for one in mine), places) for name, places in digits.items()])
    return rows


def batches_table(results):
    rows = medians_by_peer(results.document.get("batches", []), {"rate": 0, "in_process": 0, "ratio": 2})
    return Table("batches", "P-256, one client, 64 messages in a call, beside two threads with the module in process",
                 ["peer", "a second", "in process, a second", "of in process"], 1, rows)


def isolation_table(results):
    rows = medians_by_peer(results.document.get("isolation", []), {"alone": 0, "beside": 0, "ratio": 3})
    return Table("isolation", "One client on a token, while two clients use another one that takes 300 ms",
                 ["peer", "alone, a second", "beside, a second", "beside / alone"], 1, rows)


def growth_table(results):
    rows = []
    for name, one in results.document.get("growth", {}).items():
        cpu = statistics.median(result["agent_cpu_us"] for result in one["rounds"])
        rows.append([name, number(one["records"]), number(one["keys"]), number(cpu), number(results.growth_ratio(name), 2)])
    return Table("growth", "What a signature costs the agent as its ledger grows (16 clients)",
                 ["ledger", "records", "keys", "agent's CPU µs a signature", "of the small ledger's"], 1, rows)


def memory_table(results):
    units = {"signetd_kib": "signetd, idle: PSS, KiB", "host_kib": "a host with SoftHSM, idle: PSS, KiB",
             "checkpoint_signer_kib": "signet-checkpoint-signer, idle: PSS, KiB",
             "connection_bytes": "each of 1,000 idle connections: bytes of PSS",
             "cold_start_ms": "cold start: ms from exec to the first signature"}
    found = results.document.get("memory", {})
    rows = [[unit, number(found[name]["median"])] for name, unit in units.items() if name in found]
    return Table("memory", "Memory and start", ["what", "median"], 1, rows)


def parts_table(results):
    rows = [[name.removesuffix("/real_time"), number(one["cpu_us"], 2), number(one["real_us"], 2)]
            for name, one in sorted(results.document.get("parts", {}).items())]
    return Table("parts", "Parts (the last number of a name is its N)", ["part", "CPU µs", "µs"], 1, rows)


def as_text(table):
    widths = [max(len(row[i]) for row in [table.columns, *table.rows]) for i in range(len(table.columns))]
    lines = [table.title]
    for row in [table.columns, *table.rows]:
        cells = [text.ljust(width) if i < table.texts else text.rjust(width)
                 for i, (text, width) in enumerate(zip(row, widths, strict=True))]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def as_markdown(table):
    aligned = ["---" if i < table.texts else "---:" for i in range(len(table.columns))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [table.columns, aligned, *table.rows])
