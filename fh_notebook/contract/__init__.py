"""The wire contract of the service, pure: values and rules without I/O, clock, pandas or httpx.

Rule of this package: everything takes and returns values, so that each rule is a truth table in the tests. "CONTRACT
section 2" in a docstring is a place in the project's notes on the service. They are not in this repository: so each
fact is repeated where it is used. What they call UNKNOWN is read tolerantly.

Start with `deployment` and `run`; `invoke_request`, `response` and `wire` are one call, `retry` the action after it.
``schema/`` has the Start variables, ``snippet/`` the Code Snippets, ``catalog/`` the file ``fetchhive.yaml``;
`output` draws an output.
"""
