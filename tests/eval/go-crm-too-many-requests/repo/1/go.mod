module example.com/crm-sync

go 1.22

require github.com/aws/aws-sdk-go-v2/service/sqs v1.34.3
