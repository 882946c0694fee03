"""Invented titles, abstracts and authors, plain and odd. Every title holds the number of its work: no two are alike."""

from random import Random

_KINDS = ("Sparse", "Robust", "Causal", "Fast", "Private", "Certified", "Compact", "Patient", "Open", "Quiet")
_THINGS = ("Transformers", "Kernels", "Samplers", "Graphs", "Agents", "Codes", "Lattices", "Cells", "Proofs", "Maps")
_TASKS = ("Counting", "Folding", "Planning", "Search", "Speech", "Imaging", "Control", "Retrieval", "Sorting", "Repair")
_SENTENCES = (
    "We count what others measure.",
    "The method needs no labels and one pass over the data.",
    "A bound that holds for every seed is given, and met.",
    "On nine public sets it halves the error of the usual baseline.",
    "We say where it fails: long inputs, few examples, and noise that has a memory.",
    "Code and data are to be had.",
    "An ablation shows that the second part does most of the work.",
    "The proof is short and uses nothing but counting.",
    "We repeat the study on two continents and find the same effect, smaller.",
    "Experts could not tell the outcome from their own.",
)
_GIVEN = ("Ada", "Bo", "Cy", "Di", "Ed", "Fay", "Gil", "Hua", "Ida", "Jo")
_ODD = (
    r"$\mathcal{{O}}(n^{{2}})$ Bounds for Schr\"odinger's {title}",
    "<b>{title}</b> & <i>its</i> Friends < 1 > 0",
    "\u202e{title}\u202c \u200f\u05d0\u05d1\u200e",
    "\U0001d538\U0001d539 {title} \U0001f9ea",
    "L’Author’s 'own' {title}",
    "{title}\x80 with\x9f marks\x85 of control",
    "{title}\n  over   several\n  lines",
)


def title(number: int, chance: Random, odd: bool = False) -> str:
    plain = f"{chance.choice(_KINDS)} {chance.choice(_THINGS)} for {chance.choice(_TASKS)}, Part {number}"
    return chance.choice(_ODD).format(title=plain) if odd else plain


def abstract(number: int, version: int = 1) -> str:
    """A few sentences; each version of a work has its own."""
    picked = [_SENTENCES[(number * 7 + step * 3 + number // (step + 2)) % len(_SENTENCES)] for step in range(5)]
    return " ".join([f"This is study {number}, told for the {version}. time.", *picked])


def authors(number: int, chance: Random) -> tuple[str, ...]:
    """One to six authors; one work in a hundred has three hundred, and some have an apostrophe in their name."""
    many = 300 if chance.random() < 0.01 else chance.randint(1, 6)
    mark = "O'" if chance.random() < 0.1 else ""
    return tuple(f"{_GIVEN[(number + i) % len(_GIVEN)]} {mark}Author{(number * 3 + i) % 9973}" for i in range(many))


def family_first(name: str) -> str:
    """“Ada Author1” as “Author1, A.”."""
    given, _, family = name.rpartition(" ")
    return f"{family}, {given[0]}."
