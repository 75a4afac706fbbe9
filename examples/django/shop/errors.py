class NotServed(Exception):
    """There is no way to send goods there."""
