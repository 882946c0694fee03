"""LaTeX in titles is read as what it stands for, and nothing of a title is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.papers.latex import read_latex


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("A plain title, 50% shorter & <bold>", "A plain title, 50% shorter & <bold>"),
        (r"EFX with $n \ge 3$ agents", "EFX with n ≥ 3 agents"),
        (r"Schr\"odinger~bridges", "Schrödinger bridges"),
        (r"\textsc{AIEV-Instruct} and $\Lambda_b^0$", "AIEV-Instruct and Λ_b^0"),
        (r"$\alpha$-divergences at 5% cost", "α-divergences at 5% cost"),
    ],
)
def test_a_title_is_read(written: str, read: str) -> None:
    assert read_latex(written) == read


@given(st.text(min_size=1))
def test_no_title_makes_it_fail_or_vanish(title: str) -> None:
    assert read_latex(title)
