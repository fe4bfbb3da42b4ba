"""Questions that are asked of a run's cells: the JSON that a run writes is all that the tables, the goals and the plot are
made of."""
import statistics


class Results:
    def __init__(self, document):
        self.document = document
        self.cells = {(cell["token"], cell["algorithm"], cell["clients"], cell["peer"]): cell
                      for cell in document.get("cells", [])}

    def cell(self, token, algorithm, clients, peer):
        return self.cells.get((token, algorithm, clients, peer))

    def places(self):
        return list(dict.fromkeys((token, algorithm, clients) for token, algorithm, clients, _ in self.cells))

    def peers(self, place):
        return [peer for token, algorithm, clients, peer in self.cells if (token, algorithm, clients) == place]

    def number(self, place, peer, name):
        cell = self.cell(*place, peer)
        return None if cell is None else cell[name]

    def ratio(self, place, peer, other, name="rate"):
        """The median over the rounds of peer / other."""
        ours, theirs = self.cell(*place, peer), self.cell(*place, other)
        if ours is None or theirs is None:
            return None
        return statistics.median(mine[name] / his[name]
                                 for mine, his in zip(ours["rounds"], theirs["rounds"], strict=True))

    def difference(self, place, peer, other, name):
        ours, theirs = self.cell(*place, peer), self.cell(*place, other)
        if ours is None or theirs is None:
            return None
        return statistics.median(mine[name] - his[name] for mine, his in zip(ours["rounds"], theirs["rounds"], strict=True))

    def cpu(self, place, peer, prefix):
        """CPU microseconds a signature of the programs and threads whose name begins so."""
        cell = self.cell(*place, peer)
        return None if cell is None else sum(time for program, time in cell["cpu_us"].items() if program.startswith(prefix))

    def growth_ratio(self, name):
        """The agent's CPU time a signature with this ledger / with the small one."""
        found = self.document.get("growth")
        if not found:
            return None
        return statistics.median(grown["agent_cpu_us"] / small["agent_cpu_us"]
                                 for grown, small in zip(found[name]["rounds"], found["few of both"]["rounds"], strict=True))
