"""Figures of comparisons: `panels` has what they show as numbers and words, `matplotlib_plots` draws it."""
