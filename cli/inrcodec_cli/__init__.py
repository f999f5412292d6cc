"""The command line of inrcodec."""
