"""Writes the page of the demand that a model of orders foresees."""

from pathlib import Path

import jinja2
from markupsafe import Markup

from sparring import __version__
from sparring.core.atomic_files import write_bytes
from sparring.core.chart_scales import format_number, ticks
from sparring.inference.demand import MONTHS, Demand

WIDTH, HEIGHT, LEFT, BOTTOM = 720, 260, 46, 20


def write_demand_report(demand: Demand, path: Path) -> None:
    """Write a page that loads nothing from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("demand_report.html.jinja").render(
        version=__version__, demand=demand, months=MONTHS, chart=months_chart(demand)
    )
    write_bytes(path, page.encode())


def months_chart(demand: Demand) -> Markup:
    """Foreseen lines of each month as bars with their band, and the log's own as marks."""
    top = 1.08 * max(
        float(demand.high.max()), float(demand.foreseen.max()), 0.0 if demand.history is None else float(demand.history.max()), 1e-9
    )

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - 8)

    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Demand by month">']
    for value in ticks(0.0, top, 4):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 3.5:.1f}" text-anchor="end">{format_number(value)}</text>')
    step = (WIDTH - LEFT) / len(MONTHS)
    for place, month in enumerate(MONTHS):
        middle = LEFT + (place + 0.5) * step
        high = y(float(demand.foreseen[place]))
        left, width, height = middle - 0.3 * step, 0.6 * step, y(0) - high
        parts.append(f'<rect class="ours" x="{left:.1f}" y="{high:.1f}" width="{width:.1f}" height="{height:.1f}"/>')
        parts.append(f'<path class="band" d="M{middle:.1f} {y(float(demand.low[place])):.1f}V{y(float(demand.high[place])):.1f}"/>')
        if demand.history is not None:
            parts.append(f'<path class="real" d="M{middle - 0.38 * step:.1f} {y(float(demand.history[place])):.1f}h{0.76 * step:.1f}"/>')
        parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 5}" text-anchor="middle">{month}</text>')
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 (numbers and names of months)
