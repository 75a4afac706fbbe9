class NotServed(Exception):
    """There is no delivery to this destination."""
