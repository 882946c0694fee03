"""A synthetic month of science behind all the interfaces that our sources read, and every fault they are known for.

    with FaultServer() as server:  # once for all seeds
        world = World(seed, size=300, start=date(2026, 10, 20))
        server.serve(world, Mischief(world, seed, rate=0.1), Sizes(harvest=20, posts=2))
        for hour in range(...):
            server.now = world.begins + hour * timedelta(hours=1)
            ...  # ask server.url("oai"), url("atom") + "/cs.CL", url("query"), url("hf"), url("feed"), ...
        server.struck  # how often each of FAULTS was met, over all worlds served

Until `world.calm_from` requests meet faults; after it, and to `world.ends`, news goes on and nothing fails, so what was
missed can come in. Then `world.announced("arxiv", categories, by=moment)` are the works that must be stored (also for
huggingface, biorxiv, medrxiv, openreview, feed), `world.find(scheme, value)` is the work behind an identifier,
`work.ids` are all that it has over the sources: each stored paper's ids must lead to one work, no two papers' to the
same. `work.arxiv.entered(categories).day` is the day (UTC) it is to be filed under, and an `old` one is never news.

The same seeds and the same requests in the same order give the same answers. `shifted row` passes over a row of the
harvest at the edge of a page only if arXiv changes that paper again (up to the end of the world). Addresses:

    oai         ?verb=ListRecords&metadataPrefix=arXivRaw&set=cs&from=2026-10-20, then &resumptionToken=
    atom        /cs.CL, /cs, /cs.CL+cs.LG: the batch of the day (New York's), empty on weekends and holidays
    query       ?id_list=2610.00001,2610.00002v2&max_results=100
    hf          ?date=2026-10-20&p=0&limit=50
    biorxiv     /details/{biorxiv|medrxiv}/{from}/{to}/{cursor}[/json]
    openreview  /notes?invitation=Example.cc/2026/Conference/-/Submission&limit=&offset=&after=&sort=&mintcdate=
    feed        (RSS), /atom (Atom): the last `sizes.journal` entries
    s2          POST /paper/batch?fields=citationCount (any path that ends so)
    openalex    /works?filter=doi:A|B&per_page=&cursor=*
"""

from world.doors.door import Ask, Reply, Sizes
from world.mischief import FAULTS, Mischief
from world.server import FaultServer
from world.works import Work
from world.world import World

__all__ = ["FAULTS", "Ask", "FaultServer", "Mischief", "Reply", "Sizes", "Work", "World"]
