"""The model for pictures whose colours repeat: screenshots, plots, pixel art, scans, masks."""
