# The topic for news and alerts; add your own subscriptions. CloudWatch alarms need another topic,
# because they cannot use the key `alias/aws/sns`.

resource "aws_sns_topic" "news" {
  name              = "${var.name}-news"
  kms_master_key_id = "alias/aws/sns"
}

data "aws_iam_policy_document" "news" {
  statement {
    sid       = "AirflowPublishes"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.news.arn]

    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.each["airflow"].arn]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.news.arn]

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
}

resource "aws_sns_topic_policy" "news" {
  arn    = aws_sns_topic.news.arn
  policy = data.aws_iam_policy_document.news.json
}
