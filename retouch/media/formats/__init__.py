"""The formats that results may have: each walks over a picture's parts to the picture's own end."""
