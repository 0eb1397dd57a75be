"""Many runs: a table of rows through one or several variants, with no call wasted and no answer lost.

::

    what is asked     rows.py labels.py cells.py mapping.py          frames, lists and files -> plain rows -> inputs
                      dtypes.py frame_schema.py                      a column's dtype, kept; columns -> Start variables
                      arms.py planner.py job.py plan.py              rows x arms x repeats -> jobs; what they will cost
                      options.py run_settings.py making.py           what can be asked, and how it is started
                      start.py reopen.py                             `batch`, `abatch`, `open_batch`
    what is called    source.py lookup.py feed.py agenda.py          windows of jobs: read, looked up, checked, kept
                      stored.py kept.py same_table.py                one batch in the store: compared, written, read
                      windows.py                                     ... made ahead, one after the other
                      seams.py queue.py choosing.py                  which job is called next, and whether any
                      worker.py engine.py                            the calls: given `attempt` and a gate, no client
                      ledger.py events.py stopping.py reach.py       claims and answers, what happens, when to stop
                      names.py                                       names that the service does not know
                      delivery.py spacing.py                         how answers come; how far apart calls go out
                      running.py resolving.py                        one start of a batch; what became of the unknown
                      standing.py control.py                         how it stands, and what people do with it
    what came of it   outcomes.py reader.py batch*.py                counts, answers read back, `Batch`
                      frames.py provenance.py                        jobs and runs -> tidy DataFrame, its provenance
                      export*.py sheet_safe.py                       CSV, Excel, Parquet, JSON lines
                      handover.py                                    a batch as one file, for another machine
                      history.py forgetting.py                       what was run before, and its removal
                      workspaces.py rating_copy.py other_keys.py     what other keys of a host have, and its copy
                      store_functions.py rating_hash.py              `fh.store`; by which rated outputs are known
    what is shown     wording.py                                     a batch in words and in HTML
                      progress*.py pacer.py                          how far it is, how fast, and until when
"""
