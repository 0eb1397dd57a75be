"""Views of a whole form, as widgets: fields and results of one call or of a batch, run bar, side panels."""
