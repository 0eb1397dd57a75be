"""What a person touches: magics, and what they show. IPython and ipywidgets only here.

Rule of this room: loading registers and does nothing else; what is shown is HTML that is escaped by construction, with
a plain text twin; an error of ours is one line.

::

    the magics            magic.py commands.py command_*.py              `%fetchhive COMMAND`
                          line.py cell.py body.py as_written.py          `%%fetchhive`: its line, its body (pure)
                          template.py json_values.py text_variables.py   `{{ expressions }}`, and texts without names
                          doubts.py odd_blanks.py cures.py               what was perhaps meant; what can be done
                          running.py sending.py delivering.py            one cell: made, sent, answered later
                          over.py dry_run.py cancel.py                   `--over`, `--dry-run`, Cancel
                          complete.py complete_*.py                      Tab in all of it
    a form                form_api.py form.py form_core.py form_model.py  `form`: shown, without widgets, as states
                          form_state.py form_kinds.py                    one field: its kind, what its schema says
                          form_containers.py                             fields with fields inside
                          form_rows.py form_options.py form_files.py     lists, choices, files
                          form_reading.py form_hints.py form_merging.py  what is typed; what stands under a field
                          form_choice.py form_by_name.py                 which variants; names
                          fields.py fields_*.py                          the widgets of fields
                          form_view.py form_bar.py form_parts.py         the widgets around them
                          own_keys.py                                    keys that stay in them
                          form_style.py form_display.py form_static.py   how, where, and without widgets
                          form_running.py form_listener.py               the submits of a form, and who is told
                          form_ended.py form_pending.py                   what came of them, or is to come
                          form_tools.py form_panel.py form_request.py    what opens below: the request,
                          form_reuse.py form_history.py form_later.py    earlier calls, a copy as code,
                          form_grow.py form_grow_view.py                 more variables
                          form_over*.py form_batch*.py form_progress.py  a form over rows: its Run is a batch
                          copy_as.py copy_over.py copy_holes.py          a submit written out
    what came of it       panel.py results*.py                           runs beside each other; a form's results
                          markdown_view.py table_view.py                 an output as Markdown, as a table
                          frontend.py                                    what lower layers show
                          pending_view.py notices.py                     a run that comes later; one line to the person
                          progress*.py batch_controls.py                 a batch while it runs
                          race_progress.py                               a race while it runs
                          browse*.py rate*.py page_widget.py             rows to look at, and to rate blind
                          description.py                                 a deployment in words
    secrets               asking.py masked.py                            asked for hidden; no traceback with a key
"""

from __future__ import annotations

from typing import Any

__all__ = ["load", "unload"]

_MAGIC = "fetchhive"


def load(shell: Any) -> None:
    """Register the magics in `shell`, and what completes their lines; loading twice is loading once."""
    from fh_notebook.notebook import complete_matcher
    from fh_notebook.notebook.magic import FetchHiveMagics

    shell.register_magics(FetchHiveMagics)
    complete_matcher.register(shell)


def unload(shell: Any) -> None:
    """Take out of `shell` again what :func:`load` has put in."""
    from fh_notebook.notebook import complete_matcher

    complete_matcher.unregister(shell)
    for kind in shell.magics_manager.magics.values():
        kind.pop(_MAGIC, None)
    shell.magics_manager.registry.pop("FetchHiveMagics", None)
