module example.com/audit-writer

go 1.22

require (
	github.com/aws/aws-sdk-go-v2/service/sqs v1.34.3
	github.com/jackc/pgx/v5 v5.7.1
)
