"""The contracts on the wire: schemas, what consumers need, what must not drift."""
