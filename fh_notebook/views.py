"""The one door upward: what a lower room's object needs from above is found by name, when a user asks for it.

Imports go down only, yet ``fh.Client()`` needs the composition root, ``run.save_assets(folder)`` needs HTTP,
``hive.client()`` needs a client, and whoever has something to tell needs the notebook. All of them knock here.
This is the only dynamic import of the package; the table is complete, and a test opens every door.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

__all__ = ["DOORS", "knock"]

DOORS: Final[dict[str, tuple[str, str]]] = {
    "Client.connection": ("fh_notebook.session", "connection"),
    "Deployment.inputs": ("fh_notebook.batching.frame_schema", "schema_of_frame"),
    "Deployment.page": ("fh_notebook.notebook.description", "page_of"),
    "Deployment.save": ("fh_notebook.store.catalog_file", "save"),
    "Deployment.from_history": ("fh_notebook.batching.history", "deployment_from_history"),
    "Run.save_assets": ("fh_notebook.client.assets", "save_assets"),
    "PendingRun.show": ("fh_notebook.notebook.pending_view", "show"),
    "LocalHive.client": ("fh_notebook.session", "client_of_hive"),
    "Comparison.rate": ("fh_notebook.notebook.rate", "show_rater"),
    "compare.scaled": ("fh_notebook.scaling.comparing", "compare_scaled"),
    "batch.scaled": ("fh_notebook.scaling.start", "scaled"),
    "batch.in_parts": ("fh_notebook.scaling.taking", "seen_in_parts"),
    "batch.open_parts": ("fh_notebook.scaling.opening", "open_parts"),
    "forget.parts": ("fh_notebook.scaling.forgetting", "forget_files"),
    "Batch.plot": ("fh_notebook.comparing.limits_plot", "plot_limits"),
    "Comparison.browse": ("fh_notebook.notebook.browse", "browse"),
    "Batch.browse": ("fh_notebook.notebook.browse", "browse_batch"),
    "store.export": ("fh_notebook.batching.forgetting", "export_store"),
    "store.join": ("fh_notebook.batching.workspaces", "join_workspaces"),
    "store.rescue": ("fh_notebook.batching.forgetting", "rescue_store"),
    "store.workspaces": ("fh_notebook.batching.workspaces", "list_workspaces"),
    "rating.item": ("fh_notebook.comparing.rating_items", "item_of"),
    "progress": ("fh_notebook.notebook.progress", "live_progress"),
    "race.progress": ("fh_notebook.notebook.race_progress", "live_race"),
    "notice": ("fh_notebook.notebook.notices", "notice"),
}
"""What may be asked for: door -> (module, function)."""


def knock(door: str, *args: Any, **kwargs: Any) -> Any:
    """Call the function behind `door` and return what it returns.

    Raises
    ------
    KeyError
        `door` is not in :data:`DOORS`: a defect of this package.
    """
    module, name = DOORS[door]
    return getattr(import_module(module), name)(*args, **kwargs)
