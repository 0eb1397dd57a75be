"""What is said: the values of the Fetch Hive contract and the rules over them.

Rule of this room: pure. No I/O, no clock, no randomness of its own, no pandas, no httpx; everything takes and returns
values, so that each rule is a truth table in the tests. `../shared` documents are cited as CONTRACT in docstrings; the
facts themselves are repeated where they are used.
"""
