"""Reproduction of an entry: every file is there, the data read back equal, the page needs nothing from outside."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr

from qet.foundations.errors import UnknownName
from qet.interfaces import claim_process, panel_data
from qet.interfaces.claim_process import ClaimProcess, serve
from qet.interfaces.paper_report import _rich, opening
from qet.interfaces.reproduce import reproduce, write_entry
from qet.studies.claims import as_data
from qet.studies.literature.entry import VERDICTS, Claim, Curve, Entry, Panel

X, FINE = np.linspace(0.0, 1.0, 11), np.linspace(0.0, 0.5, 11)
AWKWARD = "E_B <= T_A | *all* <b>bold</b> & `a_b` x_i, said in arXiv:1002.0200"


def panel_a():
    curves = (Curve("T_A = 1", X, X**2), Curve("T_A = 1, teleported", X, X**3, "dashed"), Curve("fine", FINE, FINE))
    return Panel("a", "First", "bias x (h)", "E_B (h)", curves, "Reconstruction; nothing is known. All else: T_A < 2.")


def panel_b():
    curves = (Curve("c", X + 1, X + 1, "points"),)
    return Panel("b", "Second & last", "ratio", "share (%)", curves, "Other.", log_x=True)


def claim(key, verdicts, **numbers):
    return Claim(key, AWKWARD, "the abstract", "150 sets, seed 7", "to 1e-9", verdicts, f"because {AWKWARD}", numbers)


def claim_1():
    return claim("C1", {"E_B": "holds", "teleported": "fails"}, values=np.array([1.0, np.nan]), count=3)


def claim_2():
    return claim("C2", {"E_B": "holds in a regime"}, long="x" * 100_000)


def claim_3():
    return claim("C3", {"E_B": "needs rewording", "local": "holds"}, nothing=None, yes=True)


def claim_4():
    return claim("C4'", {"local": "holds"})


CLAIMS = (claim_1, claim_2, claim_3, claim_4)
ENTRY = Entry("tiny", "A tiny <paper>", "A. Nobody, arXiv:2511.01518", "Not much is known.", (panel_a, panel_b), CLAIMS)
BARE = replace(ENTRY, panels=())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_entry(ENTRY, tmp_path_factory.mktemp("out") / "tiny")


def test_every_file_is_there(folder):
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    figures = {f"figures/panel_{key}.{suffix}" for key in "ab" for suffix in ("png", "pdf")}
    assert found == figures | {"tiny.nc", "claims.json", "report.md", "report.html"}


# -- data ------------------------------------------------------------------------------------------


def test_the_netcdf_file_reads_back_equal(folder):
    with xr.open_dataset(folder / "tiny.nc", engine="h5netcdf") as data:
        for make in ENTRY.panels:
            panel = make()
            for i, curve in enumerate(panel.curves, start=1):
                variable = data[f"{panel.key}_{i}"]
                np.testing.assert_array_equal(variable.values, curve.y)
                np.testing.assert_array_equal(variable[variable.dims[0]].values, curve.x)
                assert variable.attrs["label"] == curve.label
                assert variable.attrs["style"] == curve.style
                assert variable.attrs["qualifiers"] == panel.qualifiers
        assert data["a_1"].dims == data["a_2"].dims == ("a_x1",)
        assert data["a_3"].dims == ("a_x2",)
        assert (data["a_x1"].attrs["long_name"], data["a_x1"].attrs["units"]) == ("bias x", "h")
        assert (data["b_x"].attrs["units"], data["b_1"].attrs["units"]) == ("1", "%")


def test_the_netcdf_file_says_where_it_comes_from(folder):
    with xr.open_dataset(folder / "tiny.nc", engine="h5netcdf") as data:
        attributes = dict(data.attrs)
    assert attributes["title"] == ENTRY.title
    assert attributes["references"] == ENTRY.reference
    assert re.fullmatch(r"qet \S+, python \S+, numpy \S+, .*", attributes["source"])
    assert all(isinstance(value, str) for value in attributes.values())
    assert json.loads(attributes["claims"]) == json.loads((folder / "claims.json").read_text(encoding="utf-8"))


def test_the_claims_file_is_strict_json_with_the_numbers(folder):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    data = json.loads((folder / "claims.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert [row["key"] for row in data["claims"]] == ["C1", "C2", "C3", "C4'"]
    assert data["claims"][0]["numbers"] == {"values": [1.0, "nan"], "count": 3}
    assert data["claims"][2]["numbers"] == {"nothing": None, "yes": True}


def test_a_second_run_writes_the_same_but_for_the_seconds(folder, tmp_path):
    again = write_entry(ENTRY, tmp_path / "tiny")
    for path in ("claims.json", "figures/panel_a.png", "figures/panel_a.pdf", "figures/panel_b.pdf"):
        assert (again / path).read_bytes() == (folder / path).read_bytes()
    with xr.open_dataset(folder / "tiny.nc") as first, xr.open_dataset(again / "tiny.nc") as second:
        assert first.identical(second)
    for name in ("report.md", "report.html"):
        first_text, second_text = ((place / name).read_text(encoding="utf-8") for place in (folder, again))
        assert re.sub(r"in \d+\.\d s", "", first_text) == re.sub(r"in \d+\.\d s", "", second_text)


@pytest.mark.parametrize(
    ("label", "parts"),
    [("bias (h)", ("bias", "h")), ("f(x)", ("f(x)", "1")), ("a (b) (c)", ("a (b)", "c")), ("p", ("p", "1"))],
)
def test_a_unit_is_what_stands_in_brackets_at_the_end(label, parts):
    assert panel_data.split_unit(label) == parts


# -- report ----------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Every attribute, every id, the open tags and the text of a page."""

    VOID = frozenset({"meta", "img", "br", "hr", "link"})

    def __init__(self, text):
        super().__init__()
        self.attributes, self.ids, self.open, self.words = [], set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids |= {value for name, value in attrs if name == "id"}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_asks_no_other_host_for_anything(folder, page):
    outside = [(tag, name, value) for tag, name, value in page.attributes if re.match(r"(https?:)?//", value)]
    assert outside
    assert all((tag, name) == ("a", "href") for tag, name, _ in outside)
    assert all(value.startswith("https://arxiv.org/abs/") for _, _, value in outside)
    assert not {"script", "link", "iframe"} & {tag for tag, _, _ in page.attributes}
    assert not re.search(r"url\(|@import", (folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_holds_its_figures_and_its_links_lead_somewhere(folder, page):
    images = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    assert len(images) == 2
    assert all(value.startswith("data:image/png;base64,iVBOR") for value in images)
    for tag, name, value in page.attributes:
        if (tag, name) == ("a", "href") and value.startswith("#"):
            assert value[1:] in page.ids
        elif (tag, name) == ("a", "href") and not value.startswith("https:"):
            assert (folder / value).is_file()


def test_the_page_is_well_formed_and_escapes_what_it_is_given(folder, page):
    assert page.open == []
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "<b>bold</b>" not in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "<code>a_b</code>" in text
    assert "<i>E</i><sub>B</sub> ≤ <i>T</i><sub>A</sub>" in text


def test_spelled_symbols_are_set():
    assert _rich("eps_A != kappa^2 -> T^-5.") == "<i>ε</i><sub>A</sub> ≠ κ<sup>2</sup> → T<sup>-5</sup>."
    assert _rich("docs/mu.md, dmu, emulate") == "docs/mu.md, dmu, emulate"
    assert _rich("`mu <= a_b`, T <= 3 & x") == "<code>mu &lt;= a_b</code>, <i>T</i> ≤ 3 &amp; x"
    assert _rich("one ` alone") == "one ` alone"


def test_every_verdict_is_colored_and_said_in_words(page):
    classes = {value for _, name, value in page.attributes if name == "class" and value.startswith("verdict ")}
    assert classes == {f"verdict {verdict.replace(' ', '-')}" for verdict in VERDICTS}
    words = " ".join(page.words)
    for verdict in VERDICTS:
        assert verdict in words


def test_markdown_embeds_figures_that_exist_and_keeps_its_table_whole(folder):
    text = (folder / "report.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)", text)
    assert len(targets) == 4
    assert all((folder / target).is_file() for target in targets)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(CLAIMS)
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert "\\<b\\>" in text


def test_the_opening_counts_the_verdicts():
    text = opening([panel_a()], [make() for make in CLAIMS])
    assert "1 holds, 1 holds in a regime and 1 needs rewording" in text
    assert "Under the teleported part, the part of it that needed Alice's message, 1 verdict: 1 fails." in text
    assert "2 verdicts: 2 hold." in text


# -- progress and processes ------------------------------------------------------------------------


def test_progress_is_one_line_a_step_where_there_is_no_terminal(tmp_path, capsys):
    write_entry(replace(ENTRY, panels=(panel_b,)), tmp_path / "tiny", progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("]")[0] for line in lines] == [f"[{i}/5" for i in range(1, 6)]
    assert lines[0] == "[1/5] panel (b) Second & last"


def test_a_bar_is_drawn_on_a_terminal(tmp_path, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", terminal)
    write_entry(BARE, tmp_path / "tiny", progress=True)
    assert "4/4" in terminal.getvalue()


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'yan2025'"):
        reproduce("yan2052")


def test_the_child_answers_one_line_a_claim_and_keeps_prints_out_of_it(monkeypatch):
    def loud():
        print("a print in a claim")
        return claim_1()

    entry = Entry("loud", "", "", "", (), (loud, claim_3))
    answers = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO("1\n0\n"))
    monkeypatch.setattr(sys, "stdout", answers)
    serve(entry)
    lines = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert lines == [as_data(claim_3()), as_data(claim_1())]


def test_a_claim_survives_the_way_between_processes():
    for make in CLAIMS:
        data = as_data(make())
        assert as_data(Claim(**json.loads(json.dumps(data)))) == data


def test_what_the_other_process_cannot_do_is_done_here(tmp_path):
    """Its interpreter does not know this entry, so it dies; the report is whole all the same."""
    with ClaimProcess(ENTRY.name) as other:
        assert other.claim(0) is None
    done = write_entry(BARE, tmp_path / "tiny", second_process=True)
    assert len(json.loads((done / "claims.json").read_text(encoding="utf-8"))["claims"]) == len(CLAIMS)


def test_two_processes_share_the_claims_and_keep_their_order(tmp_path, monkeypatch):
    asked = []

    class Other(ClaimProcess):
        def __enter__(self):
            return self

        def __exit__(self, *exception):
            return None

        def claim(self, number):
            asked.append(number)
            return CLAIMS[number]()

    monkeypatch.setattr("qet.interfaces.reproduce.ClaimProcess", Other)
    done = write_entry(BARE, tmp_path / "tiny", second_process=True)
    rows = json.loads((done / "claims.json").read_text(encoding="utf-8"))["claims"]
    assert [row["key"] for row in rows] == ["C1", "C2", "C3", "C4'"]
    assert asked == sorted(asked)
    assert 0 in asked


def test_a_claim_that_fails_stops_the_report_with_its_own_error(tmp_path):
    def broken():
        raise ZeroDivisionError("in the claim")

    entry = Entry("broken", "", "", "", (), (claim_1, broken))
    for second in (False, True):
        with pytest.raises(ZeroDivisionError, match="in the claim"):
            write_entry(entry, tmp_path / "broken", second_process=second)


def test_linear_algebra_keeps_to_one_thread_in_the_child(monkeypatch):
    seen = {}

    class Child:
        def __init__(self, command, **options):
            seen.update(options["env"], command=command)

        def kill(self):
            pass

        def communicate(self):
            pass

    monkeypatch.setattr(claim_process.subprocess, "Popen", Child)
    with ClaimProcess("tiny"):
        pass
    assert all(seen[name] == "1" for name in claim_process.THREADS)
    assert seen["command"] == [sys.executable, "-m", "qet.interfaces.claim_process", "tiny"]
