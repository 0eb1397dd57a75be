"""Which variant is better, with as few calls as the evidence allows. Still empty: a room for what is to come."""
