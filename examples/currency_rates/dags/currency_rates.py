"""Currency rates: the European Central Bank's last reference rate of every currency, every day.

Makes `currency_rates/rates.parquet` from the Delta table `currency_rates/table`.

**Backfill**: there is none; earlier days are versions of the table.

**When it is red**: the last line of the failed task says what happened and what to do. Nothing was
published. Clear the task or trigger the DAG again.
"""

from typing import Any

from airflow.sdk import dag, get_current_context, task

from plugins.dag_defaults import (
    dag_options,
    dry_run_param,
    measure,
    refuse_unknown_conf,
    show,
    store,
    waive_param,
)

PARAMS = {
    "dry_run": dry_run_param(),
    "waive": waive_param('{"rows in total": "the ECB dropped the old currencies"}'),
}


@task
def extract() -> Any:
    from include.currency_rates.pipeline import extract
    from plugins.hooks.currency_rates_hook import CurrencyRatesHook

    context = get_current_context()
    refuse_unknown_conf(context["dag_run"].conf, PARAMS)
    return extract(CurrencyRatesHook().get_conn(), store(), context["run_id"])


@task
def transform(raw: Any) -> Any:
    from include.currency_rates.pipeline import transform

    return transform(store(), raw)


@task
def publish(raw: Any, batch: Any) -> Any:
    from include.currency_rates.pipeline import publish

    params = get_current_context()["params"]
    return publish(store(), raw, batch, dry_run=params["dry_run"], waive=params["waive"])


@task
def report(receipt: Any) -> None:
    from include.currency_rates.contract import CURRENCY_RATES
    from include.lake.report import standard_report

    show(standard_report(store(), CURRENCY_RATES, receipt, noun="rate", name="ECB rates"))
    measure("currency_rates", receipt)


# The ECB publishes at about 16:00 in Frankfurt.
@dag(schedule="30 15 * * 1-5", tags=["currencies"], params=PARAMS, **dag_options(__doc__))
def currency_rates() -> None:
    raw = extract()
    report(publish(raw, transform(raw)))


currency_rates()
