"""The arXiv's categories, so that a typing error in a profile is seen at once."""

from difflib import get_close_matches

from digest.errors import InvalidRequest

ARCHIVES = {
    "astro-ph": "CO EP GA HE IM SR",
    "cond-mat": "dis-nn mes-hall mtrl-sci other quant-gas soft stat-mech str-el supr-con",
    "cs": "AI AR CC CE CG CL CR CV CY DB DC DL DM DS ET FL GL GR GT HC IR IT LG LO MA MM MS NA NE NI OH OS PF PL RO"
    " SC SD SE SI SY",
    "econ": "EM GN TH",
    "eess": "AS IV SP SY",
    "gr-qc": "",
    "hep-ex": "",
    "hep-lat": "",
    "hep-ph": "",
    "hep-th": "",
    "math": "AC AG AP AT CA CO CT CV DG DS FA GM GN GR GT HO IT KT LO MG MP NA NT OA OC PR QA RA RT SG SP ST",
    "math-ph": "",
    "nlin": "AO CD CG PS SI",
    "nucl-ex": "",
    "nucl-th": "",
    "physics": "acc-ph ao-ph app-ph atm-clus atom-ph bio-ph chem-ph class-ph comp-ph data-an ed-ph flu-dyn gen-ph"
    " geo-ph hist-ph ins-det med-ph optics plasm-ph pop-ph soc-ph space-ph",
    "q-bio": "BM CB GN MN NC OT PE QM SC TO",
    "q-fin": "CP EC GN MF PM PR RM ST TR",
    "quant-ph": "",
    "stat": "AP CO ME ML OT TH",
}
CATEGORIES = frozenset(ARCHIVES) | {
    f"{archive}.{name}" for archive, names in ARCHIVES.items() for name in names.split()
}
_BY_FOLDED = {category.casefold(): category for category in CATEGORIES}


def parse_category(text: str) -> str:
    """`text` as the arXiv spells it; a bare archive such as `cs` stands for all of it. Raises InvalidRequest."""
    found = _BY_FOLDED.get(text.strip().casefold())
    if found is None:
        near = get_close_matches(text.strip().casefold(), _BY_FOLDED, n=3)
        hint = f": did you mean {' or '.join(_BY_FOLDED[name] for name in near)}?" if near else ": try cs.LG or math."
        raise InvalidRequest(f"There is no arXiv category “{text}”{hint}")
    return found
