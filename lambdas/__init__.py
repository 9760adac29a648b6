"""The Lambda functions: one folder per function, and what they share.

A function's ``handler.py`` decodes the event, makes one call and encodes the answer; ``settings.py`` is its typed
environment, ``service.py`` the call, ``wiring.py`` puts them together. Adapters to AWS, telemetry and the format of
records that are set aside are in ``common``. What tweets and verdicts mean is not here but in ``moderation``.
"""
