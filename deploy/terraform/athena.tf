# Athena takes rows and columns of the tables from the Delta log. The columns here are for people
# and tools that read only Glue. `python -m deploy.terraform.tables` generates tables.json.

locals {
  tables   = jsondecode(file("${path.module}/tables.json"))
  datasets = ["vehicle_recalls", "vin_snapshots", "site_outages", "shoe_products", "shoe_prices", "subject_books"]
}

resource "aws_glue_catalog_database" "lake" {
  name        = var.name
  description = "The Delta tables of s3://${var.bucket}"
}

resource "aws_glue_catalog_table" "each" {
  for_each = local.tables

  database_name = aws_glue_catalog_database.lake.name
  name          = each.key
  description   = each.value.description
  table_type    = "EXTERNAL_TABLE"

  parameters = {
    EXTERNAL                     = "TRUE"
    classification               = "delta"
    "spark.sql.sources.provider" = "delta"
    table_type                   = "DELTA"
  }

  storage_descriptor {
    location      = "s3://${aws_s3_bucket.lake.bucket}/${each.value.folder}"
    input_format  = "org.apache.hadoop.mapred.SequenceFileInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"

      parameters = {
        path                   = "s3://${aws_s3_bucket.lake.bucket}/${each.value.folder}"
        "serialization.format" = "1"
      }
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }
}

resource "aws_athena_workgroup" "lake" {
  name          = var.name
  description   = "Queries of the lake, with a scan limit"
  force_destroy = true # it contains only the query history

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.scan_limit_mb * 1024 * 1024

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }
    result_configuration {
      output_location       = "s3://${aws_s3_bucket.answers.bucket}/"
      expected_bucket_owner = local.account

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}

# Query results have their own bucket, because readers may not write to the lake. Terraform may
# destroy it with its content: a query can be repeated.
resource "aws_s3_bucket" "answers" {
  bucket        = "${var.bucket}-athena"
  force_destroy = true
}

resource "aws_s3_bucket_lifecycle_configuration" "answers" {
  bucket = aws_s3_bucket.answers.id

  rule {
    id     = "answers"
    status = "Enabled"

    filter {}
    expiration {
      days = var.answers_days
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}
