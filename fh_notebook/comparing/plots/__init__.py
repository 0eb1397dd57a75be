"""Plots of a comparison, and the figure that other plots use."""
