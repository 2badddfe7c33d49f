terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.80"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { project = var.name }
  }

  # An emulator has no AWS account and does not serve buckets as host names.
  s3_use_path_style           = var.endpoint_url != null
  skip_credentials_validation = var.endpoint_url != null
  skip_metadata_api_check     = var.endpoint_url != null

  endpoints {
    athena     = var.endpoint_url
    cloudfront = var.endpoint_url
    glue       = var.endpoint_url
    iam        = var.endpoint_url
    s3         = var.endpoint_url
    sns        = var.endpoint_url
    sts        = var.endpoint_url
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
}
