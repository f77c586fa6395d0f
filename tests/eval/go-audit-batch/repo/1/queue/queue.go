// Package queue receives and deletes messages of the queue audit-events.
package queue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Queue is the queue audit-events.
type Queue struct {
	client *sqs.Client
	url    string
	max    int32
}

// Receive waits for messages.
func (q *Queue) Receive(ctx context.Context) ([]types.Message, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: q.max, WaitTimeSeconds: 20,
	})
	if err != nil {
		return nil, err
	}
	return out.Messages, nil
}

// Delete removes the messages. A message that stays comes again, which does no harm.
func (q *Queue) Delete(ctx context.Context, messages []types.Message) {
	entries := make([]types.DeleteMessageBatchRequestEntry, 0, len(messages))
	for _, message := range messages {
		entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: message.MessageId, ReceiptHandle: message.ReceiptHandle})
	}
	_, _ = q.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
}
