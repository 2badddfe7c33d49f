"""The laptop: starts an S3, the fake APIs and Airflow, and ends what it started."""
