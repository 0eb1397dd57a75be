"""One repository for each table or group of tables of the store, with its SQL."""
