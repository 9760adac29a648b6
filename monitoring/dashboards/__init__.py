"""Dashboards as typed code: what they show (``boards``), and how Grafana and CloudWatch want to be told.

``python -m monitoring.dashboards write`` generates the JSON that is committed under ``generated/``; a test holds the
two equal.
"""
