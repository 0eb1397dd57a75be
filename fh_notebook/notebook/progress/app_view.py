"""A batch as the users of an app see it, as `app_run` shows a single run: no name, code, call or limit.

Rule of this file: each takes what everybody else is shown, and returns the same with what those users are shown. Errors
are counted by what can be done about them, since their texts are about the service; only those of a row's own inputs
are told.
"""

from __future__ import annotations

from dataclasses import replace

from fh_notebook.batching.progress.state import ProgressState
from fh_notebook.batching.rendering import BatchOverview, ErrorGroup
from fh_notebook.contract.callbacks import NO_STEPS
from fh_notebook.core.text.messages import APP_ERRORS


def app_overview(overview: BatchOverview) -> BatchOverview:
    """Return what is shown of a batch to the users of an app."""
    groups: list[ErrorGroup] = []
    for status, said in APP_ERRORS.items():
        others = [group for group in overview.groups if group.status == status]
        if others:
            jobs, calls = sum(group.jobs for group in others), sum(group.calls for group in others)
            groups.append(ErrorGroup(status=status, code="", error="", said=said, jobs=jobs, calls=calls))
    invalid = [group for group in overview.groups if group.status == "invalid" and group.first]
    groups += [replace(group, said=group.first[0][2]) for group in invalid]
    columns = [name for name in overview.columns if name not in ("error", "client_action")]
    return replace(overview, name="", groups=groups, columns=columns, admits=None, is_app=True)


def app_state(state: ProgressState) -> ProgressState:
    """Return how far a batch is, as it is shown to the users of an app."""
    return replace(state, name="", refused="", waits=0, steps=NO_STEPS, is_app=True)
