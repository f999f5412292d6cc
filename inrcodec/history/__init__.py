"""What an image came from: reversible changes of representation."""
