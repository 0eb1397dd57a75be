"""Which variant is better, with as few calls as the evidence allows."""
