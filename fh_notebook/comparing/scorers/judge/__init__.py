"""A judge: another deployment that grades an output, and how its replies are read."""
