"""A run's results as text for people."""


def cpu_text(cell):
    """The programs that cost at least half a microsecond a signature, the dearest first."""
    spent = sorted(((time, program) for program, time in cell["cpu_us"].items() if time >= 0.5), reverse=True)
    return ", ".join(f"{program} {time:.0f}" for time, program in spent)


def rates_table(results):
    lines = [f"{'token':9}{'key':12}{'clients':>8}  {'peer':15}{'per second':>11}{'p50 µs':>9}{'p99 µs':>9}"
             f"{'of in process':>15}  CPU µs each"]
    for place in results.places():
        for peer in results.peers(place):
            cell = results.cell(*place, peer)
            ratio = results.ratio(place, peer, "in process")
            lines.append(f"{place[0]:9}{place[1]:12}{place[2]:>8}  {peer:15}{cell['rate']:>11.0f}{cell['p50_us']:>9.0f}"
                         f"{cell['p99_us']:>9.0f}{'' if ratio is None else f'{ratio:.2f}':>15}  {cpu_text(cell)}")
    return lines


def isolation_table(document):
    lines = ["", "One client on a fast token while two use a token of 300 ms"]
    for found in document.get("isolation", []):
        lines.append(f"  {found['peer']:12} alone {found['alone']:>7.0f}/s   beside {found['beside']:>7.0f}/s   {found['ratio']:.3f}")
    return lines if len(lines) > 2 else []


def goals_table(judged):
    """Of what was measured."""
    lines = ["", f"{'goal':66}{'wanted':>10}{'found':>10}"]
    for goal in judged:
        if goal["found"] is not None:
            lines.append(f"{goal['what']:66}{goal['wanted']:>10}{goal['found']:>10.2f}  "
                         f"{'reached' if goal['reached'] else 'MISSED'}")
    return lines if len(lines) > 2 else []
