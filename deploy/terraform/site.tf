# The optional public site: CloudFront serves the folder site/ of the lake's bucket, which stays
# private. CloudFront signs its requests and may read only site/ (buckets.tf).

locals {
  site = toset(var.public_site ? ["site"] : [])
  # A file with a hash in its name never changes; any other may change with each version.
  lasting = toset(["assets/*", "shards/*", "files/*"])
  ages = {
    lasting = { default = 31536000, header = "public, max-age=31536000, immutable" }
    current = { default = 60, header = "public, max-age=60" }
  }
}

resource "aws_cloudfront_origin_access_control" "site" {
  for_each = local.site

  name                              = "${var.name}-site"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_cache_policy" "site" {
  for_each = { for age, seconds in local.ages : age => seconds if var.public_site }

  name        = "${var.name}-site-${each.key}"
  min_ttl     = 0
  default_ttl = each.value.default
  max_ttl     = each.value.default

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "none"
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

# Any web page may read the data; the site itself loads nothing from other origins.
resource "aws_cloudfront_response_headers_policy" "site" {
  for_each = local.site

  name = "${var.name}-site"

  cors_config {
    access_control_allow_credentials = false
    origin_override                  = true

    access_control_allow_headers {
      items = ["*"]
    }
    access_control_allow_methods {
      items = ["GET", "HEAD"]
    }
    access_control_allow_origins {
      items = ["*"]
    }
  }
  security_headers_config {
    content_security_policy {
      content_security_policy = "default-src 'self'"
      override                = true
    }
    content_type_options {
      override = true
    }
    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }
    strict_transport_security {
      access_control_max_age_sec = 31536000
      override                   = true
    }
  }
}

# CloudFront runs no function on error responses, so no browser caches an error for a year.
resource "aws_cloudfront_function" "age" {
  for_each = { for age, seconds in local.ages : age => seconds if var.public_site }

  name    = "${var.name}-site-${each.key}"
  runtime = "cloudfront-js-2.0"
  comment = "How long browsers keep a file of the site"
  publish = true
  code    = <<-JS
    function handler(event) {
      event.response.headers['cache-control'] = { value: '${each.value.header}' };
      return event.response;
    }
  JS
}

resource "aws_cloudfront_distribution" "site" {
  for_each = local.site

  enabled             = true
  comment             = "The site of the vehicle recalls"
  default_root_object = "index.html"
  http_version        = "http2and3"
  is_ipv6_enabled     = true
  price_class         = "PriceClass_100"
  aliases             = var.site_domain == null ? [] : [var.site_domain.name]

  origin {
    origin_id                = "site"
    domain_name              = aws_s3_bucket.lake.bucket_regional_domain_name
    origin_path              = "/site"
    origin_access_control_id = aws_cloudfront_origin_access_control.site[each.key].id
  }

  default_cache_behavior {
    target_origin_id           = "site"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    viewer_protocol_policy     = "redirect-to-https"
    cache_policy_id            = aws_cloudfront_cache_policy.site["current"].id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.site["site"].id

    function_association {
      event_type   = "viewer-response"
      function_arn = aws_cloudfront_function.age["current"].arn
    }
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.lasting

    content {
      path_pattern               = ordered_cache_behavior.value
      target_origin_id           = "site"
      allowed_methods            = ["GET", "HEAD", "OPTIONS"]
      cached_methods             = ["GET", "HEAD"]
      compress                   = true
      viewer_protocol_policy     = "redirect-to-https"
      cache_policy_id            = aws_cloudfront_cache_policy.site["lasting"].id
      response_headers_policy_id = aws_cloudfront_response_headers_policy.site["site"].id

      function_association {
        event_type   = "viewer-response"
        function_arn = aws_cloudfront_function.age["lasting"].arn
      }
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.site_domain == null
    acm_certificate_arn            = try(var.site_domain.certificate_arn, null)
    minimum_protocol_version       = var.site_domain == null ? "TLSv1" : "TLSv1.2_2021"
    ssl_support_method             = var.site_domain == null ? null : "sni-only"
  }
}
