"""The demo: deployment ``support-triage``, its workflows and tickets."""
