"""Helpers without domain knowledge, used by every other package.

``text/`` has messages, problems, formatted values and escaped HTML; ``config/`` settings, credentials and which of them
takes precedence. `event_loop` is the background loop; `slots`, `adaptive_limit` and `rate` hold back calls.

Start with `values` (`UNSET`), `redaction` (`Secret`) and `arguments` (checks at the head of public functions). `hooks`
has the only calls upward.
"""
