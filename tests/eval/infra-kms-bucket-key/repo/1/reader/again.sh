#!/bin/sh
# again.sh KEY: has the scan read once more.
aws sqs send-message --queue-url "$(aws sqs get-queue-url --queue-name scan-uploads --output text)" \
    --message-body "{\"Records\":[{\"s3\":{\"bucket\":{\"name\":\"delivery-scans-prod\"},\"object\":{\"key\":\"$1\"}}}]}"
