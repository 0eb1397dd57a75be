"""Helpers without domain knowledge, used by every other package.

``text/`` has messages, problems, formatted values and escaped HTML; ``config/`` settings, credentials and which of them
takes precedence; ``runtime/`` the background event loop; ``concurrency/`` slots, the adaptive limit and rates.

Start with `values` (`UNSET`), `redaction` (`Secret`) and `arguments` (checks at the head of public functions). `hooks`
has the only calls upward.
"""
