"""The JPEG inside a picture: its grid, tables and coefficients, found in the pixels."""
