# The official image, with exactly the packages of the lock, and the code. Data and secrets stay out.
ARG BASE_IMAGE=apache/airflow:3.3.2-python3.12
FROM ${BASE_IMAGE}

# Keeps what the image brings beyond the lock, above all the two PostgreSQL drivers of Airflow's own
# database. Were they gone, the build would fail here and not the start later.
COPY requirements.txt /opt/headwaters/requirements.txt
RUN uv pip install --no-cache --no-build --require-hashes --requirement /opt/headwaters/requirements.txt \
    && python -c "import asyncpg, psycopg2"

WORKDIR /opt/headwaters
COPY dags/ dags/
COPY plugins/ plugins/
COPY include/ include/
COPY config/ config/

# A new volume takes the owner of the folder that it covers: the VIN service's cache is writable.
RUN mkdir /opt/airflow/vin

# config/ for Airflow, which looks there for airflow_local_settings.py.
ENV PYTHONPATH=/opt/headwaters:/opt/headwaters/config \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/headwaters/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/headwaters/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    ARROW_DEFAULT_MEMORY_POOL=system

# The user `airflow`, by number, so that Kubernetes can see that it is not root.
USER 50000

# Right for each of Airflow's four components: one answers by HTTP, three keep a job alive in the
# database. docker-compose.yaml asks each in its own, cheaper way.
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "curl -fso /dev/null 127.0.0.1:8080/api/v2/monitor/health || airflow jobs check --local"]
