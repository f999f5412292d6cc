"""The entropy coded scans of JPEG files, taken apart into coefficients and made of them."""
