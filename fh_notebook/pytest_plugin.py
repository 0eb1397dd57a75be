"""Plugin of pytest: ``pytest --fh-baseline NAME`` and the fixture ``fh_baseline``, for gates in a test suite.

It is loaded by pytest in every environment with this package, so it imports nothing of it before the fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("fh_notebook").addoption(
        "--fh-baseline",
        metavar="NAME",
        help=("the batch that the fixture fh_baseline returns: the name of a saved one, or a file of batch.to_fhb()"),
    )


@pytest.fixture(scope="session")
def fh_baseline(request: pytest.FixtureRequest) -> Batch:
    """Return the batch that ``--fh-baseline`` names; the test is skipped where none is named.

    Examples
    --------
    A test of one's own, run by ``pytest --fh-baseline live.fhb``::

        def test_the_new_prompt_is_no_worse(fh_baseline):
            new = fh.batch("tickets.csv", "support-triage", variants="new")
            cmp = fh.compare({"live": fh_baseline, "new": new})
            cmp.assert_not_worse(cmp.variants[1], than=cmp.variants[0], by=0.02)
    """
    name = request.config.getoption("--fh-baseline")
    if name is None:
        pytest.skip("it needs a baseline: pytest --fh-baseline NAME, the name of a saved batch or a .fhb file")
    import fh_notebook as fh

    try:
        return fh.open_batch(name)
    except fh.FetchHiveError as exc:
        pytest.fail(f"--fh-baseline {name}: {exc}", pytrace=False)
