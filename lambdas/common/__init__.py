"""What every function needs: typed settings, stream records, delivery in batches, parking, the champion, telemetry."""
