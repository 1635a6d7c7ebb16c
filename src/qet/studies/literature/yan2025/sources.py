"""Who makes the claims: the words printed as the source of each.

The founding note is the unpublished note that this package grew from; it is cited by its sections.
"""

from __future__ import annotations

PAPER = "arXiv:2511.01518, as stated publicly"
OURS = "derived here (docs/open-pair.md)"


def note(section: str) -> str:
    """The founding note, cited by section."""
    return f"founding note {section}"
