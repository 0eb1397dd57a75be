"""What is kept: every answer, before it counts. SQLite, one file; the only room with SQL, and one file a table.

Rule of this room: an answer counts after its commit, and nothing is ever overwritten: a new answer for the same job is
a new line, and readers take the newest that serves. The workspace key and signing secrets are never written
(`Run.to_dict` leaves them out). Inputs and outputs lie here in plain text, in a file that only its owner can read.

::

    store.py        Store: what the rooms above hold, and all that is written
    reading.py      all that is read
    writer.py       the one thread that writes, in grouped commits
    opening.py      the open file of one process: exits and forks
    connection.py   opening, pragmas, versions; foreign errors become StoreError
    answers.py      table answers: key -> run, and the single runs
    batches.py      table batches: what a name stands for
    jobs.py         table jobs: what a batch is made of
    rows.py         table rows: the source columns of its rows
    claims.py       table claims: what was about to be sent, and by whom
    owners.py       who of them still lives, by a file lock
    keys.py         the key of a job (pure)
    catalog_file.py the user's own fetchhive.yaml: found, read when it changed, saved (no SQL there)
"""
