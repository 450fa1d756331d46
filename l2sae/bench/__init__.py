"""What makes committed results: ``python -m l2sae.bench``."""
