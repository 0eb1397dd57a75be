"""A pasted command line cut into words as Windows' cmd would cut it, and nothing run (see `shell_word`)."""

from __future__ import annotations

from collections.abc import Iterator

from fh_notebook.contract.shell_word import Growing, Word, unclosed

__all__ = ["split_cmd"]


def split_cmd(text: str, at: int = 0) -> tuple[list[Word], int]:
    r"""Return the words of the command that begins at `at`, as Windows' cmd and a C program behind it would cut it.

    First ``^`` is taken away as cmd does it (outside of quotes it makes the next character plain, at a line's end it
    continues the line), then the words are cut as the C runtime does it (``\"`` is a quote, ``""`` inside of quotes is
    one). Kinder than cmd in one thing: ``\"`` does not end cmd's own quotes, as whoever wrote it meant.

    Raises
    ------
    SnippetError
        A quote is never closed.

    Examples
    --------
    >>> [word.text for word in split_cmd('curl ^"http://x/^" ^\n  -d "{\\"a\\": 1}"')[0]]
    ['curl', 'http://x/', '-d', '{"a": 1}']
    """
    chars, end = _without_carets(text, at)
    return list(_cmd_words(text, chars)), end


def _without_carets(text: str, at: int) -> tuple[list[tuple[str, int]], int]:
    kept: list[tuple[str, int]] = []
    quoted, backslashes = False, 0
    while at < len(text):
        char = text[at]
        if char == "^" and text.startswith("\n", at + 1):
            # The character after the line's end is plain, so an empty line stands for a line break.
            at += 2
            if text.startswith("\n", at):
                kept.append(("\n", at))
                at += 1
            continue
        if char == "^" and not quoted and at + 1 < len(text):
            at += 1
            char = text[at]
        elif char == '"' and backslashes % 2 == 0:
            quoted = not quoted
        elif not quoted and char in "\n&|<>":
            break
        backslashes = backslashes + 1 if char == "\\" else 0
        kept.append((char, at))
        at += 1
    return kept, at


def _cmd_words(text: str, chars: list[tuple[str, int]]) -> Iterator[Word]:
    growing: Growing | None = None
    opened = -1
    i = 0
    while i < len(chars):
        char, source = chars[i]
        if opened < 0 and char in " \t":
            if growing is not None:
                yield growing.word()
            growing = None
            i += 1
            continue
        growing = growing or Growing()
        slashes = i
        while slashes < len(chars) and chars[slashes][0] == "\\":
            slashes += 1
        count = slashes - i
        if slashes < len(chars) and chars[slashes][0] == '"':
            growing.add("\\" * (count // 2), source)
            i = slashes + 1
            is_doubled = opened >= 0 and count % 2 == 0 and i < len(chars) and chars[i][0] == '"'
            if count % 2 or is_doubled:
                growing.add('"', chars[slashes][1])
                i += is_doubled
            else:
                opened = chars[slashes][1] if opened < 0 else -1
        elif count:
            growing.add("\\" * count, source)
            i = slashes
        else:
            growing.add(char, source)
            i += 1
    if opened >= 0:
        raise unclosed(text, opened)
    if growing is not None:
        yield growing.word()
