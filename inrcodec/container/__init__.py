"""The .linr container: bytes <-> header fields and sections."""
