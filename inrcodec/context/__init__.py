"""The default model: networks that see what is decoded."""
