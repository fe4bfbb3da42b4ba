"""A run's rates as an SVG: for each kind of key and token, what each peer reaches of the module in process."""
from xml.sax.saxutils import escape

COLOURS = {"p11-kit": "#8c8c8c", "ssh-agent": "#d18f3a", "signet grouped": "#5aa9e6", "signet": "#1f6fb2", "signet durable": "#123a5e"}
REFERENCE = "in process"
PANEL_WIDTH, PANEL_HEIGHT, GAP, MARGIN = 430, 190, 70, 46
TOP = 1.25  # of the scale: peers may be faster than the module in process by noise


def text(x, y, words, size=12, anchor="middle"):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(words)}</text>'


def box(x, y, width, height, colour, words=""):
    title = f"<title>{escape(words)}</title>" if words else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}">{title}</rect>'


def scale(left, top):
    lines = []
    for part in (0, 0.25, 0.5, 0.75, 1):
        y = top + PANEL_HEIGHT * (1 - part / TOP)
        dash = "" if part in (0, 1) else ' stroke-dasharray="2 4"'
        lines.append(f'<line x1="{left}" x2="{left + PANEL_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#999"{dash}/>')
        lines.append(text(left - 6, y + 4, f"{part:g}", 11, "end"))
    return lines


def panel(results, name, places, left, top):
    """One group of bars for each number of clients."""
    lines = scale(left, top) + [text(left + PANEL_WIDTH / 2, top - 8, name, 13)]
    group = PANEL_WIDTH / len(places)
    bar = group * 0.8 / len(COLOURS)
    for i, place in enumerate(places):
        begin = left + group * i + group * 0.1
        lines.append(text(begin + group * 0.4, top + PANEL_HEIGHT + 16, f"{place[2]}", 11))
        for k, (peer, colour) in enumerate(COLOURS.items()):
            ratio = results.ratio(place, peer, REFERENCE)
            if ratio is None:
                continue
            height = PANEL_HEIGHT * min(ratio, TOP) / TOP
            lines.append(box(begin + bar * k, top + PANEL_HEIGHT - height, bar * 0.92, height, colour, f"{peer}: {ratio:.2f}"))
    lines.append(text(left + PANEL_WIDTH / 2, top + PANEL_HEIGHT + 32, "clients", 11))
    return lines


def legend(width):
    lines, x = [], MARGIN
    for peer, colour in COLOURS.items():
        lines += [box(x, 34, 12, 12, colour), text(x + 18, 45, peer, 12, "start")]
        x += 40 + 7.5 * len(peer)
    return [text(width / 2, 20, "Signatures per second, as a part of what the same PKCS#11 module reaches in process", 14)] + lines


def svg(results):
    panels = {}
    for place in results.places():
        if results.cell(*place, REFERENCE):
            panels.setdefault(f"{place[1]} on {'SoftHSM' if place[0] == 'softhsm' else 'a token of ' + place[0]}", []).append(place)
    columns = 2
    width = MARGIN * 2 + PANEL_WIDTH * columns + GAP * (columns - 1)
    rows = -(-len(panels) // columns)
    height = 80 + rows * (PANEL_HEIGHT + GAP)
    lines = legend(width)
    for i, (name, places) in enumerate(panels.items()):
        lines += panel(results, name, places, MARGIN + (i % columns) * (PANEL_WIDTH + GAP), 80 + (i // columns) * (PANEL_HEIGHT + GAP))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            'font-family="sans-serif" fill="#222">\n' + box(0, 0, width, height, "#fff") + "\n" + "\n".join(lines) + "\n</svg>\n")
