"""Faces in photos: finding them, their landmarks, and the crops that the model sees."""
