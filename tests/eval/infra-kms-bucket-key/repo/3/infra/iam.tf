data "aws_iam_policy_document" "scan_reader" {
  statement {
    sid       = "ReadScans"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.scans.arn}/*"]
  }

  statement {
    sid       = "DecryptScans"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.scans.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.eu-central-1.amazonaws.com"]
    }

    condition {
      test     = "StringLike"
      variable = "kms:EncryptionContext:aws:s3:arn"
      values   = ["${aws_s3_bucket.scans.arn}/*"]
    }
  }

  statement {
    sid       = "ReadQueue"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.scan_uploads.arn]
  }
}

resource "aws_iam_role_policy" "scan_reader" {
  name   = "scan-reader"
  role   = aws_iam_role.scan_reader.id
  policy = data.aws_iam_policy_document.scan_reader.json
}
