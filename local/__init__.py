"""The laptop: starts LocalStack, the local APIs and Airflow, and ends what it started."""
