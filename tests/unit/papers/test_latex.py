"""LaTeX in titles is read as what it stands for, and nothing of a title is lost."""

import time

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


def test_braces_beyond_all_measure_stay_as_they_are() -> None:
    hostile = "{" * 500 + "$"
    assert read_latex(hostile) == hostile


@pytest.mark.parametrize(
    "title", [r"On $\href{https://a.example}{x}$", r"\footnote", r"\verb", r"\begin{array}a\end{array}"]
)
def test_macros_that_are_used_wrongly_stay_as_they_are(title: str) -> None:
    assert read_latex(title) == title


@pytest.mark.parametrize("macro", [r"\sqrt[", r"\footnote[", r"\textcolor["])
@pytest.mark.parametrize("times", [3, 6, 100])
def test_brackets_that_stay_open_take_no_time(macro: str, times: int) -> None:
    begun = time.process_time()
    assert read_latex(macro * times)
    assert time.process_time() - begun < 1


def test_what_is_too_long_for_a_title_is_not_read() -> None:
    assert read_latex("$" * 2001) == "$" * 2001
