"""The model of DCT coefficients: integer networks, whose mixtures code them."""
