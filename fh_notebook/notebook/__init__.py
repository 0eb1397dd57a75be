"""Interactive parts: magics, forms, results, browser, ratings. The only package with IPython and ipywidgets.

Start with `magics.extension` (the magics), `forms.form` (forms) or `frontend` (displays for lower packages). What is
shown is HTML, escaped by construction, with a plain text twin; an error of ours is one line.
"""
