"""Every name of ``contract.schema`` in one namespace, as the tests of schemas use it."""

from fh_notebook.contract.schema.build import *  # noqa: F403
from fh_notebook.contract.schema.coercion import *  # noqa: F403
from fh_notebook.contract.schema.from_python import *  # noqa: F403
from fh_notebook.contract.schema.references import *  # noqa: F403
from fh_notebook.contract.schema.validation import *  # noqa: F403
from fh_notebook.contract.schema.variables import *  # noqa: F403
