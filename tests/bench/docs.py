"""Writes a run's tables and plot into docs/performance.md: what stands between "<!-- bench: NAME -->" and
"<!-- bench: end -->" is replaced, the text around it is people's."""
import re
from pathlib import Path

from plot import svg
from report import as_markdown, tables


def machine_text(document):
    machine = document["machine"]
    return (f"Measured {document['date'][:10]} at {document['commit']} on {machine['cpus']} CPUs ({machine['cpu']}), Linux "
            f"{machine['kernel']}, shared by clients, agent and token: medians of {document['rounds']} interleaved rounds of "
            f"{document['seconds']:g} s; load average at the start {machine['load']:.1f}.")


def write_docs(results, page):
    """`page`: a Path; the plot is written beside it. A marker of a table that was not measured keeps what it has."""
    blocks = {table.name: as_markdown(table) for table in tables(results)}
    blocks["machine"] = machine_text(results.document)
    if any(results.cell(*place, "in process") for place in results.places()):
        plot = page.with_suffix(".svg")
        plot.write_text(svg(results))
        blocks["plot"] = f"![Rates as parts of the module in process]({plot.name})"

    def fill(match):
        name = match.group(1)
        return match.group(0) if name not in blocks else f"<!-- bench: {name} -->\n{blocks[name]}\n<!-- bench: end -->"

    text = Path(page).read_text()
    Path(page).write_text(re.sub(r"<!-- bench: (\w+) -->\n.*?<!-- bench: end -->", fill, text, flags=re.S))
