"""Makes an SVG of what a terminal shows: standard input is the output of `tmux capture-pane -p -e`, the
argument the number of columns.

Promises: text stays text; the fonts are those of the reader, and nothing is loaded from elsewhere; equal
input makes equal bytes.
"""

import io
import re
import sys

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

BLACK, WHITE = (13, 17, 23), (201, 209, 217)
NORMAL = [
    (72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34),
    (88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196),
]
BRIGHT = [
    (110, 118, 129), (255, 161, 152), (86, 211, 100), (227, 179, 65),
    (121, 192, 255), (210, 168, 255), (86, 212, 221), (240, 246, 252),
]
FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img" \
aria-label="dlq-dash: dead-letter queues, investigators, pull requests and news of a recorded day">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


# The width of a character in its height, as most fonts of terminals have it.
ASPECT = 0.602
TEXT = re.compile(
    r'<text class="(d-r\d+)" x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+"[^>]*>([^<]*)</text>'
)
CHARACTER = re.compile(r"&[^;]+;|.", re.DOTALL)
CELL = 20 * ASPECT


def number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def pieces(found: re.Match[str]) -> str:
    """Returns a text as one element for each of its parts between blanks, at the place of the part:
    some programs drop blanks, and fonts differ in width."""
    style, x, y, text = found.groups()
    cells = [" " if one == "&#160;" else one for one in CHARACTER.findall(text) if one != "\n"]
    parts, begin = [], 0
    for end in range(len(cells) + 1):
        is_gap = end == len(cells) or cells[end : end + 2] == [" ", " "]
        if not is_gap:
            continue
        part = "".join(cells[begin:end])
        lead = len(part) - len(part.lstrip(" "))
        if part.strip(" "):
            length = end - begin - lead
            place = float(x) + (begin + lead) * CELL
            parts.append(
                f'<text class="{style}" x="{number(place)}" y="{y}" '
                f'textLength="{number(length * CELL)}">{part.strip(" ")}</text>'
            )
        begin = end
    return "\n".join(parts)


def main() -> None:
    columns = int(sys.argv[1])
    screen = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8").read().rstrip("\n")
    console = Console(
        record=True, width=columns, file=io.StringIO(), force_terminal=True,
        color_system="truecolor", legacy_windows=False,
    )
    for line in screen.split("\n"):
        console.print(Text.from_ansi(line), no_wrap=True, overflow="crop", crop=True)
    svg = console.export_svg(
        title="dlq-dash",
        theme=TerminalTheme(BLACK, WHITE, NORMAL, BRIGHT),
        code_format=FORMAT,
        font_aspect_ratio=ASPECT,
        unique_id="d",
    )
    # Each line has a clip path of its own, which no line needs.
    svg = re.sub(r' clip-path="url\(#d-line-\d+\)"', "", svg)
    svg = TEXT.sub(pieces, svg).replace("><text", ">\n<text").replace("><rect", ">\n<rect")
    svg = "\n".join(line.strip() for line in svg.splitlines() if line.strip()) + "\n"
    sys.stdout.buffer.write(svg.encode())


main()
