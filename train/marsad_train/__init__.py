"""Trains the models that ``marsad`` runs."""
