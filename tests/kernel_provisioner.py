"""A kernel provisioner of Jupyter's: JupyterLab's kernels are forks of one process, as those of `tests.kernel` are.

A program finds it by an entry point, which lies in a folder of its path: no distribution is installed for it. The
program that starts kernels has its own fork server (`tests.fork_server`), which ends with it.

They talk over sockets of files, not over ports: one that was found free may be another program's when a kernel takes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from tests import environment, fork_server

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


def for_program(folder: Path, **more: str) -> dict[str, str]:
    """Return `environment.for_process` of a program that starts kernels: forks, where there is a fork server.

    Parameters
    ----------
    folder : Path
        The program's own; the entry point is written there.
    **more : str
        More variables.
    """
    made = environment.for_process(folder, **more)
    if not fork_server.IS_SUPPORTED:
        return made
    entry_points = folder / "entry-points" / "fork_server-1.dist-info" / "entry_points.txt"
    entry_points.parent.mkdir(parents=True, exist_ok=True)
    entry_points.write_text(ENTRY_POINTS)
    path = [made["PYTHONPATH"], str(Path(__file__).parents[1]), str(entry_points.parents[1])]
    return {
        **made,
        "PYTHONPATH": os.pathsep.join(path),
        "JUPYTER_DEFAULT_PROVISIONER_NAME": NAME,
        fork_server.MORE_IMPORTS: " ".join(PACKAGE),
    }


class ForkProvisioner(LocalProvisioner):
    """Starts a kernel in a fork of this program's server."""

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Give the kernel's sockets a folder of their own, whose path is short enough for them."""
        if self.parent.transport != "ipc":
            self.parent.transport = "ipc"
            self.parent.ip = str(Path(tempfile.mkdtemp(prefix="fh-kernel-")) / "socket")
        return await super().pre_launch(**kwargs)

    async def cleanup(self, restart: bool = False) -> None:
        """Remove that folder."""
        await super().cleanup(restart=restart)
        if not restart:
            shutil.rmtree(Path(self.parent.ip).parent, ignore_errors=True)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel; its output goes where this program's errors go."""
        arguments = cmd[cmd.index(LAUNCHER) + 1 :]
        folder = Path(kwargs.get("cwd") or Path.cwd())
        self.process = fork_server.start(LAUNCHER, *arguments, env=kwargs["env"], cwd=folder, log=Path("/dev/stderr"))
        self.pid = self.pgid = self.process.pid  # the fork has a session of its own
        return self.connection_info
