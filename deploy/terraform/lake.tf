# The lake's bucket. It has no force_destroy: empty it before you destroy it.

resource "aws_s3_bucket" "lake" {
  bucket = var.bucket
}

resource "aws_s3_bucket_versioning" "lake" {
  bucket = aws_s3_bucket.lake.id

  versioning_configuration {
    status = "Enabled"
  }
}

# docs/decisions/0017-s3-lifecycle-rules.md explains why S3 deletes only these objects.
locals {
  expires = { for dataset in local.datasets : "${dataset}/staging/" => var.staging_days }
}

resource "aws_s3_bucket_lifecycle_configuration" "lake" {
  bucket = aws_s3_bucket_versioning.lake.bucket

  dynamic "rule" {
    for_each = local.expires

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = rule.key
      }
      expiration {
        days = rule.value
      }
    }
  }

  rule {
    id     = "noncurrent"
    status = "Enabled"

    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }
    expiration {
      expired_object_delete_marker = true
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}
