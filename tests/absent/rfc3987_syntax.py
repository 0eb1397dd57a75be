"""Takes the place of a package that compiles 38 grammars when it is imported, for what no test asks: the format `iri`.

jsonschema, and so nbformat and JupyterLab, imports it wherever it is installed (jupyter-events wants it): 1.6 s of CPU
in the process of the tests, and in each server and command that they start. Without it, jsonschema goes on.
"""

raise ImportError("left out of the tests: see this file")
