# The official image with exactly the packages of the lock, and the code. Data and secrets stay out.
ARG BASE_IMAGE=apache/airflow:3.3.2-python3.12
FROM ${BASE_IMAGE} AS locked

# Keeps what the image brings beyond the lock, above all the two PostgreSQL drivers of Airflow's own
# database. Were they gone, the build would fail here and not the start later.
COPY --chmod=755 requirements.txt /opt/headwaters/requirements.txt
RUN uv pip install --no-cache --no-build --compile-bytecode --require-hashes \
      --requirement /opt/headwaters/requirements.txt \
    && python -c "import asyncpg, psycopg2"

WORKDIR /opt/headwaters
# config/ for Airflow, which looks there for airflow_local_settings.py.
ENV PYTHONPATH=/opt/headwaters:/opt/headwaters/config \
    PYTHONDONTWRITEBYTECODE=1 \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/headwaters/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/headwaters/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    ARROW_DEFAULT_MEMORY_POOL=system

# The fake APIs, for profiles without a network; nothing of them is in the image below.
FROM locked AS fakes
COPY --chmod=755 fakes/ fakes/
USER 50000
ENTRYPOINT ["python", "-m", "fakes"]

FROM locked AS production
LABEL org.opencontainers.image.title="Headwaters" \
      org.opencontainers.image.description="Public APIs as tables that people can trust" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
# Readable for the user `airflow` whatever the umask of the checkout is.
COPY --chmod=755 config/ config/
COPY --chmod=755 plugins/ plugins/
COPY --chmod=755 include/ include/
COPY --chmod=755 dags/ dags/

# Compiled once, not at each start. A new volume takes the owner of the folder that it covers, so the
# VIN service may write its cache; and with a configuration in place Airflow writes none.
USER 0
RUN python -m compileall -q config plugins include dags \
    && mkdir /opt/airflow/vin && touch /opt/airflow/airflow.cfg \
    && chown 50000:0 /opt/airflow/vin /opt/airflow/airflow.cfg

# The user `airflow`, by number, so that Kubernetes can see that it is not root.
USER 50000
