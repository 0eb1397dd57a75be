"""A batch on a cluster of processes in JupyterLab: one display over all workers, and its buttons reach each of them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.form_page import cut_off
from tests.lab import Lab
from tests.notebook.paced_hive import PacedHive

pytest.importorskip("distributed")
pytestmark = [pytest.mark.browser, pytest.mark.long]

SETUP = """%load_ext fh_notebook
import logging
import pandas as pd
import fh_notebook as fh
from distributed import Client, LocalCluster
logging.getLogger("distributed").setLevel(logging.ERROR)
fh.configure(base_url={url!r}, api_key='fhk_' + '0123456789abcdef')
cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
dask = Client(cluster)
rows = pd.DataFrame({{'text': [('bad ' if i % 9 == 4 else '') + str(i) for i in range(80)]}})
print(len(dask.scheduler_info(n_workers=-1)['workers']), 'workers')"""
BACKGROUND = "batch = fh.batch(rows, 'paced', variants='v', dask=dask, wait=False, max_concurrency=4)"
COUNTS = "c = batch.counts; print(c.done + c.failed + c.unknown, c.unknown, c.pending)"
WAITING = "batch = fh.batch(rows.assign(text='w ' + rows.text), 'paced', variants='v', dask=dask, max_concurrency=4)"
END = "dask.close(); cluster.close(); print('closed')"


def test_one_display_over_all_workers_and_its_buttons_reach_each(lab: Lab, paced_hive: PacedHive) -> None:
    """Counts of both workers in one bar; pause, another number at once and cancel reach them; so does Stop."""
    with paced_hive.serve() as server:
        lab.open(SETUP.format(url=server.url), BACKGROUND, COUNTS, WAITING, COUNTS, END)
        lab.run(0)
        lab.expect_text(lab.output(0), "2 workers")
        lab.start(1)
        here = lab.output(1)
        paced_hive.wait_for(4)
        paced_hive.let_go(20)
        paced_hive.wait_for(20)
        lab.expect_text(here, r"\d+ of 80 completed, \d failed, 60 pending .4 of them in progress")
        here.locator("button.fh-pause").wait_for()
        for look in lab.looks(height=900):
            lab.screenshot(f"dask-running-{look}")
            assert cut_off(here, ".fh-progress, .fh-progress span, button, .fh-at-once") == [], look

        here.locator("button.fh-pause").click()
        lab.expect_text(here, r"4 of them still in progress.*paused")
        done = 20 + paced_hive.let_go_until(0)  # the pause travels to the workers: what they begin meanwhile ends too
        lab.expect_text(here, rf"{80 - done} pending.*paused")
        assert done < 60
        here.locator("button.fh-pause").click()
        paced_hive.wait_for(4)

        number = here.get_by_label("Calls at once", exact=True)
        number.fill("6")
        number.press("Enter")
        # The leases of a round are fixed: it ends with the calls that are out, and the next one has 6.
        done += paced_hive.let_go_until(6)
        lab.expect_text(here, r"6 of them in progress")

        here.locator("button.fh-cancel").click()
        lab.expect_text(here, r"6 (?:outcome )?unknown.*cancelled;")
        expect(here.locator("button.fh-pause, button.fh-cancel")).to_have_count(0)
        lab.screenshot("dask-cancelled")
        lab.expect_text(lab.run(2), rf"{done + 6} 6 {80 - done - 6}")
        paced_hive.let_go_until(0)  # those that were out end at the service, whoever hears of it

        lab.start(3)
        paced_hive.wait_for(4)
        paced_hive.let_go(10)
        paced_hive.wait_for(10)
        lab.expect_text(lab.output(3), r"\d+ of 80 completed.*70 pending .4 of them in progress")
        lab.interrupt()
        # Jupyter's Stop goes to the kernel's process group, so the processes of a LocalCluster hear it, too.
        lab.expect_text(lab.output(3), r"Stopped: (interrupted|cancelled)")
        lab.wait_idle()
        lab.screenshot("dask-interrupted")
        lab.expect_text(lab.run(4), r"14 4 66")
        assert paced_hive.none_begins()
        lab.expect_text(lab.run(5), "closed")
    assert lab.errors == []
