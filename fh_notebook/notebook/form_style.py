"""How a form looks in a page: its styles, its name, and what the deployment does.

Rule of this file: colours are Jupyter's variables, which both themes have; what is narrow wraps, and nothing is cut.
"""

from __future__ import annotations

from typing import Final

from fh_notebook import html
from fh_notebook.contract.deployment import Deployment
from fh_notebook.notebook.form_display import HIDE_STATIC

__all__ = ["STYLE", "head_of"]

STYLE: Final = html.Html(
    "<style>"
    ".fh-panel{border-left:3px solid var(--jp-border-color2,rgba(128,128,128,.4));padding:0 4px 0 10px;"
    "overflow:visible;box-sizing:border-box;max-width:100%}"
    ".fh-panel .widget-html,.fh-panel .widget-html-content{line-height:1.45;height:auto;min-width:0;"
    "max-width:100%}"
    ".fh-panel .fh-batch-result>.widget-html-content{width:100%}"
    ".fh-panel .widget-checkbox{margin-right:14px}"
    ".fh-panel :is(.fh-run-bar,.fh-grow) .widget-checkbox label{display:flex;align-items:center;height:28px}"
    ".fh-panel :is(.fh-run-bar,.fh-grow) .widget-checkbox input{margin:0 6px 0 0}"
    # The arrow that ipywidgets draws is black in the dark theme too; the browser's own follows it.
    ".fh-panel select:not([multiple]){appearance:auto;background-image:none;padding-right:4px}"
    ".fh-panel .fh-preview>.widget-html-content{overflow-x:auto}"
    ".fh-panel .fh-plain{font-size:13px}"
    ".fh-panel .fh-run-bar{margin:6px 0}"
    ".fh-panel .fh-tools{margin-top:8px}"
    ".fh-panel .fh-status{flex:1 1 12em}"
    ".fh-panel button:focus-visible,.fh-panel input:focus-visible,.fh-panel select:focus-visible,"
    ".fh-panel textarea:focus-visible{outline:2px solid var(--jp-brand-color1,currentColor);outline-offset:1px}"
    "</style>"
)


def head_of(deployment: Deployment) -> str:
    """Return the form's head as HTML."""
    said = deployment.description
    about = html.el("div", said, cls="fh-dim", dir=html.direction(said)) if said else None
    name = html.el("div", html.el("strong", deployment.name, dir=html.direction(deployment.name)), cls="fh-plain")
    return str(html.el("div", html.STYLE, STYLE, HIDE_STATIC, name, about, cls="fh"))
