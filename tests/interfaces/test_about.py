"""What is running, and whom to cite."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest

import qet
from qet.foundations.errors import UnknownName
from qet.interfaces.about import topics, versions
from qet.interfaces.references import PAPERS
from qet.physics.models import MODELS

ROOT = Path(__file__).resolve().parents[2]


def test_about_prints_and_returns_the_versions(capsys):
    found = qet.about()
    printed = capsys.readouterr().out
    assert found == versions()
    assert found["numpy"] == version("numpy")
    assert all(f"{name} " in printed and value in printed for name, value in found.items())


def test_what_is_not_there_is_said_to_be_missing(monkeypatch):
    monkeypatch.setattr("qet.interfaces.about.OPTIONAL", ("no-such-package",))
    assert versions()["no-such-package"] == "not installed"


def test_every_model_has_something_to_cite():
    assert all("@article" in qet.cite(name) for name in MODELS)


def test_every_bound_has_something_to_cite():
    table = qet.bounds(qet.teleport(qet.gibbs(qet.minimal(), T=0.2)))
    assert len(table.rows) > 0
    assert all(qet.cite(row.name).startswith("@") for row in table.rows)


def test_every_topic_and_key_leads_to_an_entry():
    for name in (*topics(), *(paper.key for paper in PAPERS)):
        assert qet.cite(name).startswith("@")


def test_everything_at_once_names_each_paper_once():
    keys = re.findall(r"^@\w+\{(\w+),$", qet.cite(), re.MULTILINE)
    assert keys == ["qet", *(paper.key for paper in PAPERS)]
    assert len(keys) == len(set(keys))


def test_an_entry_is_well_formed():
    for entry in qet.cite().split("\n\n"):
        assert entry.count("{") == entry.count("}")
        assert entry.endswith("}")
        assert re.search(r"^  author +=", entry, re.MULTILINE)


def test_the_papers_are_found_by_what_they_say():
    assert "1002.0200" in qet.cite("minimal")
    assert "2511.01518" in qet.cite("yan2025")
    assert "107" in qet.cite("best")
    assert qet.cite("Sagawa-Ueda") == qet.cite("sagawa_ueda")


def test_an_unknown_topic_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'yan2025'"):
        qet.cite("yan2026")


def test_the_citation_file_names_this_version():
    assert f"version: {qet.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_pins_hold_no_address():
    assert "://" not in (ROOT / "constraints.txt").read_text()
