"""The sources, one module each, and what they share: reconnecting, and the wire format of X."""
