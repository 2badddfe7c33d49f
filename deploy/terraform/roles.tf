# The role `airflow` runs pipelines and commands; `reader` only reads. policies/ has the complete
# policies, which tests compare with what the code does.

locals {
  may = {
    for who in keys(var.trust) : who => templatefile("${path.module}/policies/${who}.json", {
      lake      = aws_s3_bucket.lake.arn
      answers   = aws_s3_bucket.answers.arn
      news      = aws_sns_topic.news.arn
      workgroup = aws_athena_workgroup.lake.arn
      glue      = "arn:${local.partition}:glue:${var.region}:${local.account}"
      database  = var.name
    })
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = var.trust

  dynamic "statement" {
    for_each = length(each.value.roles) > 0 ? [each.value.roles] : []

    content {
      actions = ["sts:AssumeRole"]

      principals {
        type        = "AWS"
        identifiers = statement.value
      }
    }
  }

  dynamic "statement" {
    for_each = each.value.ecs_tasks ? [local.account] : []

    content {
      actions = ["sts:AssumeRole"]

      principals {
        type        = "Service"
        identifiers = ["ecs-tasks.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [statement.value]
      }
    }
  }

  dynamic "statement" {
    for_each = each.value.oidc != null ? [each.value.oidc] : []

    content {
      actions = ["sts:AssumeRoleWithWebIdentity"]

      principals {
        type        = "Federated"
        identifiers = [statement.value.provider_arn]
      }
      condition {
        test     = "StringEquals"
        variable = "${split("oidc-provider/", statement.value.provider_arn)[1]}:sub"
        values   = statement.value.subjects
      }
      condition {
        test     = "StringEquals"
        variable = "${split("oidc-provider/", statement.value.provider_arn)[1]}:aud"
        values   = ["sts.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role" "each" {
  for_each = var.trust

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

resource "aws_iam_role_policy" "each" {
  for_each = local.may

  name   = "lake"
  role   = aws_iam_role.each[each.key].name
  policy = each.value
}
