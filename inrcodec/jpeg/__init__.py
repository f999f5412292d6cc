"""JPEG's coefficients: decoded to pixels in exact integers, and found in pixels again."""
