"""Pictures: reading and writing files, their place in the square that the model sees, conversions."""
