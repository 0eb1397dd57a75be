"""Approvals of tools in a page: the table with buttons, and where runs wait for a decision."""
