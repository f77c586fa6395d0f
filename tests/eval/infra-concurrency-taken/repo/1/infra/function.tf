resource "aws_lambda_function" "receipts" {
  function_name = "receipt-filer"
  runtime       = "python3.12"
  handler       = "receipt.handler"
  role          = aws_iam_role.receipts.arn
  filename      = "receipt.zip"
  timeout       = 15

  dead_letter_config {
    target_arn = aws_sqs_queue.receipts_dlq.arn
  }
}

resource "aws_lambda_function_event_invoke_config" "receipts" {
  function_name                = aws_lambda_function.receipts.function_name
  maximum_event_age_in_seconds = 900
  maximum_retry_attempts       = 2
}

resource "aws_sqs_queue" "receipts_dlq" {
  name                      = "receipts-dlq"
  message_retention_seconds = 1209600
}
