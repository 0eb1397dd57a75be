"""A judge: another deployment that grades an output, and how its answers are read."""
