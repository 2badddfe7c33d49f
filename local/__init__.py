"""The laptop: starts LocalStack, the fake APIs and Airflow, and ends what it started."""
