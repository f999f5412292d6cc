"""The source file of a picture: its bytes that are not pixels, and how it is put together again."""
