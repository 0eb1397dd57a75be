"""What is said: the values of the Fetch Hive contract and the rules over them.

Rule of this room: pure. No I/O, no clock, no randomness of its own, no pandas, no httpx; everything takes and returns
values, so that each rule is a truth table in the tests. "CONTRACT section 2" in a docstring is a place in the project's
notes on what the service is known to do. They are not in this repository: so each fact is repeated where it is used.
What they call UNKNOWN is read tolerantly.

::

    the nouns             deployment.py models.py run.py                 what can be called; one exchange; a run
    Start variables       variables.py objects.py schema.py refs.py      one by one, several, whatever the source
                          annotations.py signature.py limits.py          from Python's annotations
                          docstrings.py infer.py                         from docstrings, from samples
    checked               validate.py visits.py                          by the library, within bounds
                          explain.py spell.py                            problems in words
    secrets               secrets.py                                     which values are, and the masking of them
                          coerce.py jsonable.py canonical.py             text and Python values as JSON, spelt once
    on the wire           wire.py reading.py callbacks.py                request and answer; bodies read tolerantly
                          signing.py                                     callbacks, signed
    what to do            retry.py reuse.py                              after an answer; whether it is reused
                          pacing.py rate.py                              how many at once; how often
    a pasted snippet      snippet.py snippet_body.py snippet_write.py    read, and written out
                          curl.py shell_*.py                             command lines, cut into words
    the catalogue         catalog.py catalog_*.py plain_yaml.py          `fetchhive.yaml` <-> deployments
"""
