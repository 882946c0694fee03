"""The interface as one application, and its description: OpenAPI 3.1 at `openapi.json`, which needs no key."""

from typing import Any

from fastapi import FastAPI

from digest import __version__
from digest.web.api import interests, papers, people, previews, problems
from digest.web.api.problems import Problem
from digest.web.site import Site

DESCRIPTION = """Papers, what is trending, subscribers and their interests, for programs with a key.

Errors are `application/problem+json`. GET answers with an `ETag`. Every call is safe to repeat."""


class Api(FastAPI):
    """FastAPI, whose errors are ours."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            made = super().openapi()
            shapes = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            made["components"]["schemas"] |= {**shapes.pop("$defs"), "Problem": shapes}
        return super().openapi()


def make_api(site: Site) -> FastAPI:
    api = Api(
        title=site.name,
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    api.state.site = site
    problems.install(api)
    for router in (papers.router, people.router, interests.router, previews.router):
        api.include_router(router)
    return api
