"""Tables, the range coder, weight forms, backends, the stored mode."""
