"""The output of a run as a reader sees it: `view` draws it in each of its forms, `assets` are its files."""
