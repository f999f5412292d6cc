"""The coordinate model: the published networks of (x, y) and (x, y, plane), made exact."""
