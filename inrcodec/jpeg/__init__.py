"""JPEG files as DCT coefficients: their markers, and scans decoded and encoded again."""
