"""Catalogue ``fetchhive.yaml``: its reader, writer and editor, and the mapping of all deployments."""
