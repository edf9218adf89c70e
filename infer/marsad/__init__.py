"""Marsad reads Arabic news and writes down who did what to whom, where and when."""

from marsad.errors import MarsadError
from marsad.pipeline import Pipeline, load
from marsad.schema import Document, Entity, Event, Schema

__all__ = [
    "Document",
    "Entity",
    "Event",
    "MarsadError",
    "Pipeline",
    "Schema",
    "__version__",
    "load",
]
__version__ = "0.1.0"
