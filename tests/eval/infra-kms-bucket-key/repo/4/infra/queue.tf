resource "aws_sqs_queue" "scan_uploads" {
  name                       = "scan-uploads"
  visibility_timeout_seconds = 180
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.scan_uploads_dlq.arn
    maxReceiveCount     = 3
  })
}

resource "aws_sqs_queue" "scan_uploads_dlq" {
  name                      = "scan-uploads-dlq"
  message_retention_seconds = 1209600 # 14 days
}

resource "aws_s3_bucket_notification" "scans" {
  bucket = aws_s3_bucket.scans.id

  queue {
    queue_arn = aws_sqs_queue.scan_uploads.arn
    events    = ["s3:ObjectCreated:*"]
  }
}
