"""Widgets of single fields, one module for each group of controls; `view` puts the fields of a form together."""
