"""The report of a literature entry, as Markdown and as one self-contained HTML page.

Both say the same: what was found, the panels with all that is needed to repeat them, the claims with their verdicts,
how every claim was tested, and how the report was made. The HTML page carries its figures and its style; it asks
no other host for anything, follows the reader's light or dark setting, and prints.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from qet.foundations.conventions import STAMP
from qet.studies.literature.entry import SUBJECTS, VERDICTS, Claim, Entry, Panel

from .drawing import SUBSCRIPT, SYMBOL

MEANING = {
    "E_B": "the energy Bob extracts, counted with all terms he touches (H_B + V)",
    "teleported": "the part of it that needed Alice's message",
    "local": "the part that Bob could have had without the message",
    "statement": "for claims about none of these energies (information, entanglement, bounds, definitions)",
}
SHORT = {
    "E_B": "E_B",
    "teleported": "the teleported part",
    "local": "the local part",
    "statement": "the statement itself",
}
PLURAL = {
    "holds": ("holds", "hold"),
    "holds in a regime": ("holds in a regime", "hold in a regime"),
    "fails": ("fails", "fail"),
    "needs rewording": ("needs rewording", "need rewording"),
}
SECTIONS = (
    ("panels", "Panels"),
    ("verdicts", "Verdicts"),
    ("tests", "How each claim was tested"),
    ("made", "How this was made"),
)
SIGNS = {" -> ": " → ", "<=": "≤", ">=": "≥", "!=": "≠"}
GREEK = {
    "alpha": "α",
    "gamma": "γ",
    "delta": "δ",
    "eps": "ε",
    "theta": "θ",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "rho": "ρ",
    "sigma": "σ",
    "chi": "χ",
    "Delta": "Δ",
    "Omega": "Ω",
}
GREEK_WORD = re.compile(rf"(?<![\w./-])(?:{'|'.join(GREEK)})(?![A-Za-z])")
MARK = {"holds": "✓", "holds in a regime": "◐", "fails": "✗", "needs rewording": "✎"}


@dataclass(frozen=True)
class Made:
    """How the report was made.

    Attributes:
        versions: Package -> version.
        seconds: Wall-clock time of the computation and the drawing.
        figures: Panel key -> path of its figure without suffix, relative to the report.
    """

    versions: Mapping[str, str]
    seconds: float
    figures: Mapping[str, str]


def opening(panels: Sequence[Panel], claims: Sequence[Claim]) -> str:
    """The first paragraph: what was found, in plain words, counted from the verdicts."""
    parts = [f"{len(panels)} panels were computed and {len(claims)} claims tested."]
    for quantity in _quantities(claims):
        given = [claim.verdicts[quantity] for claim in claims if quantity in claim.verdicts]
        counts = _listed([_count(given.count(verdict), verdict) for verdict in VERDICTS if verdict in given])
        noun = "verdict" if len(given) == 1 else "verdicts"
        parts.append(f"Under {SHORT[quantity]}, {MEANING[quantity]}, {len(given)} {noun}: {counts}.")
    return " ".join(parts)


# -- Markdown --------------------------------------------------------------------------------------


def markdown(entry: Entry, panels: Sequence[Panel], claims: Sequence[Claim], made: Made) -> str:
    """The report as Markdown; figures by relative path."""
    figures = [
        f"### ({panel.key}) {_plain(panel.title)}\n\n"
        f"![Panel {panel.key}: {_plain(panel.title)}]({made.figures[panel.key]}.png)\n\n"
        f"{_plain(panel.qualifiers)} [PDF]({made.figures[panel.key]}.pdf)\n"
        for panel in panels
    ]
    tests = [
        f"### {claim.key}: {_plain(claim.statement)}\n\n"
        + "".join(f"- **{name}:** {_plain(text)}\n" for name, text in _facts(claim))
        for claim in claims
    ]
    contents = "\n".join(f"- [{name}](#{name.lower().replace(' ', '-')})" for _, name in SECTIONS)
    drawn, judged, tested, made_by = (f"## {name}\n" for _, name in SECTIONS)
    return "\n".join(
        [
            f"# {_plain(entry.title)}\n",
            f"{_plain(entry.reference)}\n",
            f"{_plain(opening(panels, claims))}\n",
            f"> {_plain(entry.note)}\n",
            contents,
            "",
            drawn,
            *figures,
            judged,
            *_verdict_rows(claims),
            "",
            tested,
            *tests,
            made_by,
            f"{_plain(_footer(entry, made))}\n",
        ]
    )


def _verdict_rows(claims: Sequence[Claim]) -> list[str]:
    """The verdicts as a table, one row a claim."""
    quantities = _quantities(claims)
    head = ["Claim", "Statement", *quantities, "Because"]
    rows = [
        (claim.key, claim.statement, *(claim.verdicts.get(quantity, "–") for quantity in quantities), claim.reason)
        for claim in claims
    ]
    first, *others = ("| " + " | ".join(map(_cell, cells)) + " |" for cells in (head, *rows))
    return [first, "|" + " --- |" * len(head), *others]


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return re.sub(r"([\\*\[\]<>#])|(?<!\w)_|_(?!\w)", lambda found: "\\" + found[0], text)


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|").replace("\n", " ")


# -- HTML ------------------------------------------------------------------------------------------


def html(entry: Entry, panels: Sequence[Panel], claims: Sequence[Claim], made: Made, folder: Path) -> str:
    """The report as one page; figures are read from `folder` and embedded."""
    style = Path(__file__).with_name("paper_report.css").read_text(encoding="utf-8")
    inner = {"panels": [(f"panel-{p.key}", f"({p.key}) {p.title}") for p in panels]}
    links = "".join(f"<li>{_link(key, name)}{_sublist(inner.get(key, []))}</li>" for key, name in SECTIONS)
    parts = {
        "verdicts": _verdict_table(claims),
        "panels": f'<div class="panels">{"".join(_figure(panel, made, folder) for panel in panels)}</div>',
        "tests": "".join(map(_test, claims)),
        "made": f"<p>{_rich(_footer(entry, made))}</p>",
    }
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(entry.title)}</title>\n<style>\n{style}</style>\n</head>\n<body>",
            f'<nav aria-label="Contents"><p>Contents</p><ol>{links}</ol></nav>\n<main>',
            f'<header><h1>{_rich(entry.title)}</h1>\n<p class="reference">{_rich(entry.reference)}</p></header>',
            f'<p class="lead">{_rich(opening(panels, claims))}</p>\n<p class="note">{_rich(entry.note)}</p>',
            *(f'<section id="{key}"><h2>{name}</h2>{parts[key]}</section>' for key, name in SECTIONS),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _verdict_table(claims: Sequence[Claim]) -> str:
    quantities = _quantities(claims)
    key = "".join(f"<li>{_rich(f'{quantity}: {MEANING[quantity]}')}</li>" for quantity in quantities)
    head = "".join(f'<th scope="col">{_rich(name)}</th>' for name in ("Claim", "Statement", *quantities, "Because"))
    rows = "".join(
        f'<tr><th scope="row">{_link(f"claim-{claim.key}", claim.key)}</th><td>{_rich(claim.statement)}</td>'
        + "".join(f"<td>{_badge(claim.verdicts.get(quantity))}</td>" for quantity in quantities)
        + f"<td>{_rich(claim.reason)}</td></tr>"
        for claim in claims
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<ul class="key">{key}</ul><div class="wide">{table}</div>'


def _figure(panel: Panel, made: Made, folder: Path) -> str:
    stem = made.figures[panel.key]
    image = base64.b64encode((folder / f"{stem}.png").read_bytes()).decode()
    named = f"({panel.key}) {panel.title}"
    return (
        f'<figure id="panel-{panel.key}"><img alt="{escape(named)}" src="data:image/png;base64,{image}">'
        f"<figcaption><b>{_rich(named)}</b> {_rich(panel.qualifiers)} "
        f'<a href="{escape(stem)}.pdf">PDF</a></figcaption></figure>\n'
    )


def _test(claim: Claim) -> str:
    _, *others = _facts(claim)  # the badges hold the verdicts
    facts = "".join(f"<dt>{name}</dt><dd>{_rich(text)}</dd>" for name, text in others)
    badges = "".join(f"<span>{_rich(SHORT[q])} {_badge(v)}</span>" for q, v in claim.verdicts.items())
    return (
        f'<article id="claim-{escape(claim.key)}"><h3>{escape(claim.key)}. {_rich(claim.statement)}</h3>'
        f'<p class="badges">{badges}</p><dl>{facts}</dl></article>\n'
    )


def _badge(verdict: str | None) -> str:
    if verdict is None:
        return '<span class="none" title="does not apply">–</span>'
    mark = f'<span aria-hidden="true">{MARK[verdict]}</span>'
    return f'<span class="verdict {verdict.replace(" ", "-")}">{mark} {escape(verdict)}</span>'


def _link(target: str, text: str) -> str:
    return f'<a href="#{escape(target)}">{_rich(text)}</a>'


def _sublist(items: Sequence[tuple[str, str]]) -> str:
    return f"<ol>{''.join(f'<li>{_link(key, name)}</li>' for key, name in items)}</ol>" if items else ""


def _rich(text: str) -> str:
    """Plain text as HTML: symbols, sub- and superscripts set, code in backticks left alone, arXiv numbers linked."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # an odd backtick is just a character
        return _set(text)
    return "".join(
        f"<code>{escape(piece, quote=False)}</code>" if i % 2 else _set(piece) for i, piece in enumerate(pieces)
    )


def _set(text: str) -> str:
    for spelled, sign in SIGNS.items():
        text = text.replace(spelled, sign)
    text = escape(GREEK_WORD.sub(lambda found: GREEK[found[0]], text), quote=False)
    text = SYMBOL.sub(r"<i>\g<0></i>", SUBSCRIPT.sub(r"<i>\1</i><sub>\2</sub>", text))
    text = re.sub(r"\^(-?\w+(?:\.\d+)?)", r"<sup>\1</sup>", text)
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r'<a href="https://arxiv.org/abs/\1">arXiv:\1</a>', text)


# -- both ------------------------------------------------------------------------------------------


def _facts(claim: Claim) -> list[tuple[str, str]]:
    verdicts = "; ".join(f"{SHORT[quantity]}: {verdict}" for quantity, verdict in claim.verdicts.items())
    return [
        ("Verdict", verdicts),
        ("Because", claim.reason),
        ("Computed", claim.computed),
        ("Ensemble", claim.ensemble),
        ("Source", claim.source),
    ]


def _footer(entry: Entry, made: Made) -> str:
    versions = ", ".join(f"{package} {number}" for package, number in made.versions.items())
    return (
        f"Made by `qet reproduce {entry.name}` in {made.seconds:.1f} s with {versions}. Conventions: {STAMP}; h is the "
        f"mean local energy. All curves, with what was computed for each, are in {entry.name}.nc; the claims with the "
        "numbers that decided them are in claims.json; each figure is in figures/ as PNG and PDF."
    )


def _quantities(claims: Sequence[Claim]) -> list[str]:
    return [quantity for quantity in SUBJECTS if any(quantity in claim.verdicts for claim in claims)]


def _count(number: int, verdict: str) -> str:
    return f"{number} {PLURAL[verdict][number != 1]}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
