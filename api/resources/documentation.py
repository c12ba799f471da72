"""The API explained, offline: Swagger UI from the installed package, and a page for each problem type."""

from html import escape
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.fields import InLanguage, PathId
from api.problems import STATUS, Refusal
from city.wording import Language, say

ASSETS = Path(fastapi_offline.__file__).parent / "static"
router = APIRouter(include_in_schema=False)

# Swagger UI styles its elements in place and embeds its icons; everything comes from this server.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; frame-ancestors 'none'"
)
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_STYLE = "body{font:16px/1.5 sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}dt{font-weight:bold}"


@router.get("/")
async def root() -> RedirectResponse:
    """Lead to the documentation."""
    return RedirectResponse("/docs")


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Show Swagger UI."""
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Dustcart API</title>'
        '<link rel="stylesheet" href="/docs/assets/swagger-ui.css">'
        '<link rel="icon" href="/docs/assets/favicon.png"></head><body><div id="docs"></div>'
        '<script src="/docs/assets/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>',
        headers={"Content-Security-Policy": _DOCS_POLICY},
    )


@router.get("/docs/start.js")
async def start() -> Response:
    """Start Swagger UI on this server's own description."""
    return Response(
        'SwaggerUIBundle({url: "/openapi.json", dom_id: "#docs", deepLinking: true,'
        " validatorUrl: null, presets: [SwaggerUIBundle.presets.apis]});",
        media_type="text/javascript",
    )


@router.get("/problems")
async def list_problems(language: InLanguage) -> HTMLResponse:
    """List every problem type."""
    entries = "".join(
        f'<li>{status} <a href="/problems/{slug}">{_said(slug, "title", language)}</a></li>'
        for slug, status in STATUS.items()
    )
    return _page("Problems", f"<ul>{entries}</ul>", language)


@router.get("/problems/{slug}")
async def read_problem(slug: PathId, language: InLanguage) -> HTMLResponse:
    """Explain one problem type."""
    if slug not in STATUS:
        raise Refusal("not-found")
    title, remedy = (_said(slug, part, language) for part in ("title", "remedy"))
    return _page(title, f"<p>HTTP {STATUS[slug]}, <code>/problems/{slug}</code></p><p>{remedy}</p>", language)


def _said(slug: str, part: str, language: Language) -> str:
    return escape(say("api", f"problem.{slug}.{part}", language))


def _page(title: str, content: str, language: Language) -> HTMLResponse:
    return HTMLResponse(
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{content}</body></html>",
        headers={"Content-Security-Policy": _PAGE_POLICY, "Content-Language": language, "Vary": "Accept-Language"},
    )
