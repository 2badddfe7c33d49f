# Settings of both buckets: the lake and Athena's results.

locals {
  buckets = {
    lake    = aws_s3_bucket.lake
    answers = aws_s3_bucket.answers
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "each" {
  for_each = local.buckets
  bucket   = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "each" {
  for_each = local.buckets
  bucket   = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "each" {
  for_each = local.buckets
  bucket   = each.value.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.buckets

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "lake" ? aws_cloudfront_distribution.site : {}

    content {
      sid       = "CloudFrontReadsTheSite"
      actions   = ["s3:GetObject"]
      resources = ["${each.value.arn}/site/*"]

      principals {
        type        = "Service"
        identifiers = ["cloudfront.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "AWS:SourceArn"
        values   = [statement.value.arn]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "each" {
  for_each = local.buckets
  bucket   = aws_s3_bucket_public_access_block.each[each.key].bucket
  policy   = data.aws_iam_policy_document.bucket[each.key].json
}
