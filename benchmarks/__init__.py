"""What is measured of inrcodec, and of its peers."""
