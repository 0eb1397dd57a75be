"""A kernel provisioner of Jupyter's: JupyterLab's kernels are forks of one process, as those of `tests.kernel` are.

A program finds it by an entry point, which lies in a folder of its path: no distribution is installed for it. The
program that starts kernels has its own fork server (`tests.fork_server`), which ends with it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from tests import fork_server

NAME: Final = "fork-server"
ENTRY_POINTS: Final = f"[jupyter_client.kernel_provisioners]\n{NAME} = {__name__}:ForkProvisioner\n"
LAUNCHER: Final = "ipykernel_launcher"

PACKAGE: Final = (
    "anywidget", "fh_notebook.batching.api", "fh_notebook.client.http.exchange", "fh_notebook.comparing.comparison",
    "fh_notebook.local.demo", "fh_notebook.local.http.app", "fh_notebook.notebook.browser.browser",
    "fh_notebook.notebook.completion.matcher", "fh_notebook.notebook.forms.fields.view", "fh_notebook.notebook.forms.form",
    "fh_notebook.notebook.frontend", "fh_notebook.notebook.magics.extension", "fh_notebook.notebook.progress.batch_block",
    "fh_notebook.notebook.rater", "ipywidgets", "scipy.special",
)  # fmt: skip
"""What nearly every cell of a page imports: a second of CPU in each kernel."""


def variables(folder: Path, path: str) -> dict[str, str]:
    """Return what a program's environment needs, so that its kernels are forks: none where there is no fork server.

    Parameters
    ----------
    folder : Path
        Where the entry point is written.
    path : str
        The program's ``PYTHONPATH``.
    """
    if not fork_server.IS_SUPPORTED:
        return {}
    entry_points = folder / "entry-points" / "fork_server-1.dist-info" / "entry_points.txt"
    entry_points.parent.mkdir(parents=True)
    entry_points.write_text(ENTRY_POINTS)
    more = os.pathsep.join([str(Path(__file__).parents[1]), str(entry_points.parents[1])])
    return {
        "PYTHONPATH": f"{path}{os.pathsep}{more}",
        "JUPYTER_DEFAULT_PROVISIONER_NAME": NAME,
        fork_server.MORE_IMPORTS: " ".join(PACKAGE),
    }


class ForkProvisioner(LocalProvisioner):
    """Starts a kernel in a fork of this program's server."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel; its output goes where this program's errors go."""
        arguments = cmd[cmd.index(LAUNCHER) + 1 :]
        folder = Path(kwargs.get("cwd") or Path.cwd())
        self.process = fork_server.start(LAUNCHER, *arguments, env=kwargs["env"], cwd=folder, log=Path("/dev/stderr"))
        self.pid = self.pgid = self.process.pid  # the fork has a session of its own
        return self.connection_info
