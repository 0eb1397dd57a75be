"""The functions of ``fh.store`` on the session's store, as the store sees them: it knows no session."""

from __future__ import annotations

from fh_notebook.batching.forgetting import export_store, rescue_store
from fh_notebook.batching.workspaces import join_workspaces, list_workspaces

__all__ = ["export_store", "join_workspaces", "list_workspaces", "rescue_store"]
