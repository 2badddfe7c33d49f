variable "bucket" {
  description = "Name of the lake's new bucket. Athena's results get a second one, with the suffix -athena."
  type        = string
  nullable    = false

  validation {
    condition = (
      can(regex("^[a-z0-9][a-z0-9-]{1,54}[a-z0-9]$", var.bucket)) &&
      !can(regex("--|^xn--|^sthree-|-s3alias$", var.bucket))
    )
    error_message = "The bucket ${jsonencode(var.bucket)} is not a valid name: use 3 to 56 lower-case letters, digits and single hyphens, with a letter or digit at both ends."
  }
}

variable "region" {
  description = "The region of all resources, such as eu-central-1."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[1-9]$", var.region))
    error_message = "The region ${jsonencode(var.region)} is not valid: write it as eu-central-1."
  }
}

variable "name" {
  description = "Name, or prefix of the names, of the database, the workgroup, the roles and the topic."
  type        = string
  default     = "headwaters"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,39}$", var.name)) && !contains(["default", "primary"], var.name)
    error_message = "The name ${jsonencode(var.name)} is not valid: use up to 40 lower-case letters, digits and underscores, a letter first. `default` and `primary` belong to AWS."
  }
}

variable "trust" {
  description = "Who may assume the roles `airflow` and `reader`, each in exactly one way. `roles`: ARNs of roles that assume it, such as MWAA's execution role or an instance's. `ecs_tasks`: true when it is the task role of ECS itself. `oidc`: service accounts of EKS."
  type = map(object({
    roles     = optional(set(string), [])
    ecs_tasks = optional(bool, false)
    oidc      = optional(object({ provider_arn = string, subjects = set(string) }))
  }))
  nullable = false

  validation {
    condition     = toset([for name, who in var.trust : name if who != null]) == toset(["airflow", "reader"])
    error_message = "trust must have `airflow` and `reader`, and nothing else; it has ${jsonencode([for name, role in var.trust : name if role != null])}."
  }
  validation {
    condition = alltrue([
      for who in values(var.trust) : 1 == length([
        for way in [length(who.roles) > 0, who.ecs_tasks, who.oidc != null] : way if way
      ]) if who != null
    ])
    error_message = "trust needs exactly one of these for each role: `roles` with at least one ARN, `ecs_tasks = true`, or `oidc`."
  }
  validation {
    condition = alltrue([
      for arn in flatten([for who in values(var.trust) : tolist(who.roles) if who != null]) :
      can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$", arn))
    ])
    error_message = "trust has `roles` with an invalid ARN; write arn:aws:iam::123456789012:role/NAME, without a `*`."
  }
  validation {
    condition = alltrue([
      for arn in [for who in values(var.trust) : who.oidc.provider_arn if try(who.oidc, null) != null] :
      can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/[a-z0-9.-]+(/[A-Za-z0-9._/-]+)?$", arn))
    ])
    error_message = "trust has an `oidc` with an invalid provider_arn; write arn:aws:iam::123456789012:oidc-provider/HOST/PATH."
  }
  validation {
    condition = alltrue(flatten([
      for oidc in [for who in values(var.trust) : who.oidc if try(who.oidc, null) != null] : [
        try(length(oidc.subjects) > 0, false),
        try([for subject in oidc.subjects : can(regex("^system:serviceaccount:[a-z0-9-]+:[a-z0-9.-]+$", subject))], []),
      ]
    ]))
    error_message = "trust has an `oidc` with missing or invalid subjects; write system:serviceaccount:NAMESPACE:NAME, without a `*`."
  }
}

variable "staging_days" {
  description = "Days to keep files on their way from task to task. A run older than that cannot be continued."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.staging_days >= 3 && var.staging_days <= 3650 && floor(var.staging_days) == var.staging_days
    error_message = "staging_days is ${var.staging_days}; use 3 to 3650 whole days, because a failed run may wait over a weekend."
  }
}

variable "noncurrent_days" {
  description = "Days that S3 keeps overwritten and deleted objects, so that a mistake can be undone."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.noncurrent_days >= 7 && var.noncurrent_days <= 3650 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days is ${var.noncurrent_days}; use 7 to 3650 whole days, to leave time to notice a mistake."
  }
}

variable "answers_days" {
  description = "Days to keep Athena's results."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.answers_days >= 1 && var.answers_days <= 3650 && floor(var.answers_days) == var.answers_days
    error_message = "answers_days is ${var.answers_days}; use 1 to 3650 whole days."
  }
}

variable "scan_limit_mb" {
  description = "Megabytes that one Athena query may read."
  type        = number
  default     = 10000
  nullable    = false

  validation {
    condition     = var.scan_limit_mb >= 10 && var.scan_limit_mb <= 1e6 && floor(var.scan_limit_mb) == var.scan_limit_mb
    error_message = "scan_limit_mb is ${var.scan_limit_mb}; use 10 (the least that Athena accepts) to 1000000 (a terabyte)."
  }
}

variable "public_site" {
  description = "Whether the site of the recalls is public, through CloudFront."
  type        = bool
  default     = false
  nullable    = false
}

variable "site_domain" {
  description = "The public site's own name, and a certificate for it in us-east-1; null means CloudFront's name."
  type        = object({ name = string, certificate_arn = string })
  default     = null

  validation {
    condition     = var.site_domain == null || can(regex("^([a-z0-9-]+[.])+[a-z]{2,}$", var.site_domain.name))
    error_message = "The name of site_domain is not valid: write it as recalls.example.org."
  }
  validation {
    condition     = var.site_domain == null || can(regex("^arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[a-z0-9-]+$", var.site_domain.certificate_arn))
    error_message = "The certificate_arn of site_domain is not valid; CloudFront needs one in us-east-1: write arn:aws:acm:us-east-1:123456789012:certificate/ID."
  }
}

variable "endpoint_url" {
  description = "An emulator's address, such as http://127.0.0.1:5000; null means AWS."
  type        = string
  default     = null

  validation {
    condition     = var.endpoint_url == null || can(regex("^https?://[^/?#@[:space:]]+$", var.endpoint_url))
    error_message = "The endpoint_url ${jsonencode(var.endpoint_url)} is not a valid address: write http://HOST:PORT, without a path."
  }
}
