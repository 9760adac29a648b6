"""The MLflow server: its image (this folder) and the files of the host that runs it (``host``)."""
