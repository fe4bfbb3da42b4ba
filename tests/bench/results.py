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

    def ratio(self, place, peer, other, name="rate", factor=1):
        """The median over the rounds of peer / other."""
        ours, theirs = self.cell(*place, peer), self.cell(*place, other)
        if ours is None or theirs is None:
            return None
        return factor * statistics.median(mine[name] / his[name]
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
