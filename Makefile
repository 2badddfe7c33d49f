# Thin on purpose: set-up is here, everything that starts something is in local/.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV CDPATH

PYTHONS := $(or $(PYTHON),python3 python3.12 python3.11)
LOCAL   := .venv/bin/python -m local
CONTAINERS := python3 -m local.containers
OF_PROFILE  = --profile="$(or $(PROFILE),local)"
UV      := .venv/bin/uv
SYNC    := $(UV) pip sync --quiet --require-hashes
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
           --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)
# Tests see none of the user's settings, and never the user's own Airflow.
HERMETIC = env $(addprefix -u ,$(filter AIRFLOW% AWS_% LAKE_% RECALLS_% SITE_% VIN_% VPIC_%,$(.VARIABLES))) \
           AIRFLOW_HOME=$(CURDIR)/.local/airflow-tests
PYTEST   = $(HERMETIC) .venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
           --no-loadscope-reorder --durations=10

export UV_SYSTEM_CERTS := 1
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.PHONY: help run vin lake site dag ui live doctor secrets up ps logs down test test-all test-distributed test-containers lint bench audit sbom lock install clean

help:  ## List every target.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

run: install  ## Run the vehicle recalls on the fake APIs, into s3_bucket/; DAYS=3 runs three days, all dated today.
	@$(LOCAL) run --days="$$DAYS"

vin: install  ## Start the VIN service on 127.0.0.1 with a fake vPIC; make vin LIVE=1 asks the real one.
	@$(LOCAL) vin $(if $(LIVE),--live)

lake: install  ## Run one of the lake's commands: make lake ARGS='changes'; without ARGS, open a shell for them.
	@$(LOCAL) lake $(if $(LIVE),--live) --arguments="$$ARGS"

site: install  ## Show the site of the vehicle recalls on 127.0.0.1, as the last run made it; Ctrl-C ends it.
	@$(LOCAL) site

dag: install  ## Run any DAG once: make dag DAG=vehicle_recalls CONF='{"years":[2019]}'
	@$(LOCAL) dag --dag="$$DAG" --conf="$$CONF"

ui: install  ## Start Airflow on 127.0.0.1 with everything connected; Ctrl-C ends all of it.
	@$(LOCAL) ui

live: install  ## Run the vehicle recalls once on the official API, into s3_bucket_live/.
	@$(LOCAL) live

doctor: install  ## Check that your settings lead to bucket, rights and APIs; LIVE=1 checks those of make live.
	@$(LOCAL) doctor $(if $(LIVE),--live)

secrets:  ## Make the secrets that containers need, in .env; those that are there stay.
	@$(CONTAINERS) secrets

up:  ## Start the containers; PROFILE=live for the official APIs, or celery with WORKERS=3.
	@$(CONTAINERS) up $(OF_PROFILE) --workers="$(WORKERS)"

ps:  ## List the containers of a PROFILE.
	@$(CONTAINERS) ps $(OF_PROFILE)

logs:  ## Follow the logs of the containers of a PROFILE.
	@$(CONTAINERS) logs $(OF_PROFILE)

down:  ## End the containers of a PROFILE; VOLUMES=1 deletes their data too.
	@$(CONTAINERS) down $(OF_PROFILE) $(if $(VOLUMES),--volumes)

test: install  ## Run the tests but the slow ones; make test ARGS='-k recalls' runs some.
	@$(PYTEST) -m 'not slow' $(ARGS)

test-all: install  ## Run all tests, the slow ones too.
	@$(PYTEST) $(ARGS)

test-distributed: install  ## Kill a Celery worker half-way through 3,000,000 rows; needs PostgreSQL and Redis.
	@.venv/bin/python -m tests.distributed $(ARGS)

test-containers: install  ## Start the whole stack in containers and disturb it; needs Docker.
	@.venv/bin/python -m tests.containers

lint: .venv/installed  ## Check style, types, the Dockerfile, the workflow and Terraform.
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/hadolint Dockerfile
	@.venv/bin/zizmor --offline --quiet .github
	@$(lint_terraform)

bench: install .venv-bench/installed  ## Compare speed and memory with a plain script and with dlt.
	@.venv/bin/python -m benchmarks $(ARGS)

audit: .venv/installed .venv-audit/installed  ## Check the locks for known vulnerabilities.
	@$(LOCAL) audit --arguments="$$ARGS"

sbom: .venv/installed .venv-audit/installed  ## Write what production installs as CycloneDX, to .local/sbom.cdx.json.
	@$(LOCAL) sbom

lock: .venv/bootstrapped  ## Resolve the locks again from pyproject.toml; UPGRADE=1 takes newer versions.
	@$(COMPILE) pyproject.toml --output-file requirements.txt
	@$(COMPILE) pyproject.toml --group dev --constraints requirements.txt --output-file requirements/dev.lock
	@$(COMPILE) --group bootstrap --output-file requirements/bootstrap.lock
	@# LocalStack 4.13.1 breaks with dependencies newer than itself.
	@$(COMPILE) --group localstack --exclude-newer 2026-02-10 --output-file requirements/localstack.lock
	@$(COMPILE) --group bench --output-file requirements/bench.lock
	@$(COMPILE) --group audit --output-file requirements/audit.lock

install: .venv/installed .venv-localstack/catalog  ## Make the virtual environments (every target does).

clean:  ## Remove all that was made, s3_bucket/ included.
	@if [ -x .venv/bin/python ] && [ -d .local ]; then .venv/bin/python -m local.state; fi
	@rm -rf .venv .venv-localstack .venv-bench .venv-audit .local s3_bucket s3_bucket_live
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is the last thing made: an environment without one was cut off, and is made again.
.venv/bootstrapped: requirements/bootstrap.lock
	@for python in $(PYTHONS); do \
	  if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] not in {(3, 11), (3, 12)})' 2>/dev/null; \
	  then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Python 3.11 or 3.12 with its venv module is needed and was not found as any of: $(PYTHONS); install it, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	echo "creating .venv with $$($$found --version)" >&2; rm -rf .venv && $$found -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@touch $@

.venv/installed: requirements/dev.lock .venv/bootstrapped
	@echo "installing requirements/dev.lock into .venv" >&2
	@$(SYNC) --python .venv/bin/python requirements/dev.lock
	@touch $@

.venv-%/installed: requirements/%.lock .venv/bootstrapped
	@echo "installing $< into .venv-$*" >&2
	@$(UV) venv --quiet --clear --no-project --python .venv/bin/python .venv-$*
	@$(SYNC) --python .venv-$*/bin/python $<
	@touch $@

# LocalStack's index of all services of AWS: it would make it at each first start, for 15 seconds.
.venv-localstack/catalog: .venv-localstack/installed
	@rm -rf $@ && mkdir -p $@/usr/lib/localstack
	@OVERRIDE_IN_DOCKER=0 FILESYSTEM_ROOT=$(CURDIR)/$@ .venv-localstack/bin/python -P -m localstack.aws.spec
	@touch $@

# In a copy, so that nothing is left in the checkout; the provider is kept in .local/.
define lint_terraform
if ! command -v terraform >/dev/null; then \
  echo "deploy/terraform/ was not looked at: terraform is not installed" >&2; exit 0; \
fi; \
terraform fmt -check -diff -recursive deploy/terraform || exit 1; \
export TF_IN_AUTOMATION=1 TF_REGISTRY_CLIENT_TIMEOUT=5 TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE=1; \
export TF_PLUGIN_CACHE_DIR="$${TF_PLUGIN_CACHE_DIR:-$(CURDIR)/.local/terraform}"; mkdir -p "$$TF_PLUGIN_CACHE_DIR"; \
copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT; cp -R deploy/terraform/. "$$copy"; rm -rf "$$copy"/.terraform*; \
if ! $$(command -v timeout >/dev/null && echo timeout 120) terraform -chdir="$$copy" init -backend=false \
  -input=false -no-color >"$$copy/said" 2>&1; then \
  echo "deploy/terraform/ was not validated: $$(sed -n 's/^Error: //p' "$$copy/said")" >&2; exit 0; \
fi; \
terraform -chdir="$$copy" validate -no-color
endef
