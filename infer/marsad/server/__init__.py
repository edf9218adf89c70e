"""The HTTP edge and its page; needs the extra ``serve``."""
