locals {
  # A process that already runs as the role must not assume it again.
  assumed = length(try(var.trust["airflow"].roles, [])) > 0 ? { role_arn = aws_iam_role.each["airflow"].arn } : {}
  at      = var.endpoint_url != null ? { endpoint_url = var.endpoint_url } : {}

  by_sns = {
    notifier    = "airflow.providers.amazon.aws.notifications.sns.SnsNotifier"
    aws_conn_id = "lake"
    region_name = var.region
    target_arn  = aws_sns_topic.news.arn
    subject     = "{{ headline }}"
  }
}

output "airflow_conn_lake" {
  description = "The connection `lake`, as AIRFLOW_CONN_LAKE takes it. It holds no secret."
  value = jsonencode({
    conn_type = "aws"
    extra = merge(local.assumed, local.at, {
      region_name    = var.region
      service_config = { s3 = { bucket_name = aws_s3_bucket.lake.bucket } }
    })
  })
}

output "environment" {
  description = "The same lake for the commands and the VIN service."
  value = merge(
    { LAKE_BUCKET = aws_s3_bucket.lake.bucket, AWS_REGION = var.region },
    { for name, url in local.at : "LAKE_ENDPOINT_URL" => url },
    { for at in aws_cloudfront_distribution.site : "SITE_URL" => "https://${try(var.site_domain.name, at.domain_name)}/" },
  )
}

output "headwaters_news_to" {
  description = "HEADWATERS_NEWS_TO, which sends news to the topic."
  value       = jsonencode([merge(local.by_sns, { message = "{{ news }}" })])
}

output "headwaters_alerts_to" {
  description = "HEADWATERS_ALERTS_TO, which sends alerts on failed runs to the same topic."
  value       = jsonencode([merge(local.by_sns, { message = "{{ alert }}" })])
}

output "roles" {
  description = "The roles for Airflow and for readers."
  value       = { for who, role in aws_iam_role.each : who => role.arn }
}

output "site_points_to" {
  description = "CloudFront's name, for a CNAME or alias record of site_domain; null without a public site."
  value       = one([for at in aws_cloudfront_distribution.site : at.domain_name])
}

output "athena" {
  description = "The Athena workgroup and Glue database."
  value       = { workgroup = aws_athena_workgroup.lake.name, database = aws_glue_catalog_database.lake.name }
}
