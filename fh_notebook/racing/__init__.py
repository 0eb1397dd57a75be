"""Which variant is better, with as few calls as the evidence allows.

::

    what a user holds     start.py options.py race.py                    `race`, `arace`; what may be asked; `Race`
    decided               course.py sending.py marking.py                rows in their order: sent, answered, scored
                          evidence.py bets.py scale.py tally.py          what may be concluded, however often one looks
    said before           power.py simulating.py                         what a race would need
    shown                 view.py words.py tables.py                     sentences, HTML, tables
                          plot.py progress_text.py                       the evidence drawn; how far it is
"""
