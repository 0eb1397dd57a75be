"""The running IPython shell and kernel: messages, prompts, tracebacks, and the variables of the user."""
