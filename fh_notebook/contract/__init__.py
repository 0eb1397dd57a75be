"""The wire contract of the service, pure: values and rules without I/O, clock, pandas or httpx.

Rule of this room: pure. No I/O, no clock, no randomness of its own, no pandas, no httpx; everything takes and returns
values, so that each rule is a truth table in the tests. "CONTRACT section 2" in a docstring is a place in the project's
notes on what the service is known to do. They are not in this repository: so each fact is repeated where it is used.
What they call UNKNOWN is read tolerantly.
"""
