"""Files of parts: frames (pages, slices, times) and tiles that decode alone."""
