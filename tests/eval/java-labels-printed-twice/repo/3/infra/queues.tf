resource "aws_sqs_queue" "print_jobs" {
  name                       = "print-jobs"
  visibility_timeout_seconds = 30

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.print_jobs_dlq.arn
    maxReceiveCount     = 3
  })
}

resource "aws_sqs_queue" "print_jobs_dlq" {
  name                      = "print-jobs-dlq"
  message_retention_seconds = 1209600 # 14 days
}
