"""The published tables, measured again with the networks of inrcodec: a script for each table."""
