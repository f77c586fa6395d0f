resource "aws_s3_bucket" "scans" {
  bucket = "delivery-scans-prod"
}

resource "aws_s3_bucket_server_side_encryption_configuration" "scans" {
  bucket = aws_s3_bucket.scans.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.scans.arn
    }
  }
}

resource "aws_kms_key" "scans" {
  description         = "scans of delivery notes"
  enable_key_rotation = true
}
