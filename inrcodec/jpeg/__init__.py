"""JPEG files, and the JPEGs that pictures were: coefficients, how they are coded and found."""
