"""A pasted command line cut into words as a POSIX shell would cut it, and nothing run (see `shell_word`)."""

from __future__ import annotations

import re
from typing import Final

from fh_notebook.contract.shell_ansi import ANSI_END, ansi_parts
from fh_notebook.contract.shell_word import Growing, Word, unclosed

__all__ = ["split_posix"]

# What begins something other than itself outside of quotes, and inside of double quotes.
_PLAIN: Final = re.compile(r"[^ \t\n\u00a0'\"\\$`;|&<>#]+")
_PLAIN_QUOTED: Final = re.compile(r'[^"\\$`]+')
_FILLED_IN: Final = re.compile(r"\$(?:\w+|[@*#?!$-]|\{[^{}]*\}|\([^()]*\))|`[^`]*`", re.ASCII)
_CONTINUED: Final = re.compile(r"\\[ \t\u00a0]*\n")
_NEXT_OPTION: Final = re.compile(r"[ \t\u00a0\n]*(?=-)")
_REDIRECTION: Final = re.compile(r"[<>]+[&|]?[ \t]*")
_BLANKS: Final = re.compile(r"[ \t\u00a0]+")


class _Posix:
    """One pass over the text from `at`, to the end of the first command."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.found: list[Word] = []
        self.growing: Growing | None = None
        self.skip_next = False

    def run(self) -> tuple[list[Word], int]:
        while self.at < len(self.text):
            if not self._step(self.text[self.at]):
                break
        self._end_word()
        return self.found, self.at

    def _step(self, char: str) -> bool:
        """Read what begins at `char`; ``False`` at the end of the command."""
        if char in " \t\u00a0":
            self._end_word()
            self.at = _BLANKS.match(self.text, self.at).end()  # type: ignore[union-attr]  # it begins with a blank
        elif char == "\n":
            return self._line_end()
        elif char in ";|&":
            return False
        elif char in "<>":
            self._redirection()
        elif char == "#" and self.growing is None:
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
        else:
            self._inside_word(char)
        return True

    def _line_end(self) -> bool:
        self._end_word()
        more = _NEXT_OPTION.match(self.text, self.at)
        if more is None:
            return False
        self.at = more.end()
        return True

    def _redirection(self) -> None:
        if self.growing and "".join(self.growing.parts).isdigit():
            self.growing = None  # 2>file: the number belongs to the arrow
        self._end_word()
        self.at = _REDIRECTION.match(self.text, self.at).end()  # type: ignore[union-attr]  # it begins with an arrow
        self.skip_next = True

    def _end_word(self) -> None:
        if self.growing is None:
            return
        if not self.skip_next:
            self.found.append(self.growing.word())
        self.growing, self.skip_next = None, False

    def _add(self, part: str, source: int, end: int) -> None:
        self.growing = self.growing or Growing()
        self.growing.add(part, source)
        self.at = end

    def _inside_word(self, char: str) -> None:
        if char == "'":
            self._single()
        elif char == '"':
            self._double()
        elif char == "\\":
            self._backslash()
        elif char in "$`":
            self._dollar(quoted=False)
        else:
            plain = _PLAIN.match(self.text, self.at)
            end = plain.end() if plain else self.at + 1
            self._add(self.text[self.at : end], self.at, end)

    def _backslash(self) -> None:
        if continued := _CONTINUED.match(self.text, self.at):
            self.at = continued.end()
        else:
            self._add(self.text[self.at + 1 : self.at + 2], self.at + 1, self.at + 2)

    def _single(self) -> None:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise unclosed(self.text, self.at)
        self._add(self.text[self.at + 1 : end], self.at + 1, end + 1)

    def _double(self) -> None:
        opened = self.at
        self._add("", opened + 1, opened + 1)
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                return
            if char == "\\":
                self._backslash_quoted()
            elif char in "$`":
                self._dollar(quoted=True)
            else:
                end = _PLAIN_QUOTED.match(self.text, self.at).end()  # type: ignore[union-attr]  # all others are plain
                self._add(self.text[self.at : end], self.at, end)
        raise unclosed(self.text, opened)

    def _backslash_quoted(self) -> None:
        escaped = self.text[self.at + 1 : self.at + 2]
        if escaped == "\n":
            self.at += 2
        elif escaped and escaped in '"\\$`':
            self._add(escaped, self.at + 1, self.at + 2)
        else:
            self._add("\\", self.at, self.at + 1)

    def _dollar(self, *, quoted: bool) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        filled = _FILLED_IN.match(self.text, self.at)
        if self.text[self.at] == "$" and following == "'" and not quoted:
            self._ansi()
        elif self.text[self.at] == "$" and following == '"' and not quoted:
            self.at += 1  # $"..." is "..." in another language; the language is not ours
        elif filled:
            self._add(filled[0], self.at, filled.end())
            if self.growing:
                self.growing.filled_in = self.growing.filled_in or filled[0]
        elif self.text[self.at] == "`" or following == "(":
            raise unclosed(self.text, self.at)
        else:
            self._add("$", self.at, self.at + 1)

    def _ansi(self) -> None:
        opened = self.at
        end = ANSI_END.match(self.text, opened + 2)
        if end is None:
            raise unclosed(self.text, opened)
        self._add("", opened + 2, opened + 2)
        for part, source in ansi_parts(self.text, opened + 2, end.end() - 1):
            self._add(part, source, end.end())
        self.at = end.end()


def split_posix(text: str, at: int = 0) -> tuple[list[Word], int]:
    r"""Return the words of the command that begins at `at`, as bash would cut it, and where it ends.

    Redirections are left out; ``|``, ``;``, ``&`` and the end of the line end the command.

    Raises
    ------
    SnippetError
        A quote is never closed.

    Examples
    --------
    >>> [word.text for word in split_posix('''curl -d 'it'"'"'s' $'a\\tb' "c\\"d" | jq .''')[0]]
    ['curl', '-d', "it's", 'a\tb', 'c"d']
    """
    return _Posix(text, at).run()
