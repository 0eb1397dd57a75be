"""Tools for tests of snippets: the vendor's own examples, and a real bash to ask."""

from __future__ import annotations

import subprocess

import pytest

from fh_notebook.contract.snippet.curl import split_posix
from fh_notebook.contract.snippet.parser import parse_snippet
from fh_notebook.errors import SnippetError

URL = "https://api.fetchhive.com/v1/workflow/invoke"
BASE = "https://api.fetchhive.com/v1"
KEY = "fhk_0123456789abcdef"

# The two requests of the vendor's page, as they stand there.
SEED_SYNC = r"""curl 'https://api.fetchhive.com/v1/workflow/invoke' \
  -H 'Authorization: Bearer YOUR_API_KEY' \
  -H 'Content-Type: application/json' \
  -H 'Accept: application/json' \
  --data-raw '{
    "deployment": "YOUR_DEPLOYMENT_NAME",
    "variant": "YOUR_VARIANT_NAME",
    "inputs": {
      "topic": "State of enterprise AI in 2026"
    }
  }' \
  --compressed
"""
SEED_ASYNC = r"""curl 'https://api.fetchhive.com/v1/workflow/invoke' \
  -H 'Authorization: Bearer YOUR_API_KEY' \
  -H 'Content-Type: application/json' \
  -H 'Accept: application/json' \
  --data-raw '{
    "deployment": "YOUR_DEPLOYMENT_NAME",
    "variant": "YOUR_VARIANT_NAME",
    "async": {
      "enabled": true,
      "callback_url": "https://example.com/callback"
    },
    "inputs": {
      "topic": "State of enterprise AI in 2026"
    }
  }' \
  --compressed
"""
BODY = '{"deployment": "d", "variant": "v", "inputs": {"topic": "AI"}}'


def bash_words(command: str) -> list[str]:
    """What a real bash hands to ``curl``. It can run nothing else: it is restricted and finds no programs."""
    script = "curl() { printf '%s\\0' curl \"$@\"; }\n" + command
    done = subprocess.run(
        ["/bin/bash", "--restricted", "--norc", "-c", script],
        env={"PATH": "", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().removesuffix("\0").split("\0")


def our_words(command: str) -> list[str]:
    return [word.text for word in split_posix(command)[0]]


def refusal(text: str) -> str:
    with pytest.raises(SnippetError) as caught:
        parse_snippet(text)
    return str(caught.value)
