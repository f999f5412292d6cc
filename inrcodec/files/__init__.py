"""Files of others: what they hold, and how files appear."""
