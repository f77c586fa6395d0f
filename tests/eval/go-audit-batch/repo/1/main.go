// Program audit-writer moves audit events from the queue to the table.
package main

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/audit-writer/queue"
	"example.com/audit-writer/store"
)

// work handles what one call of ReceiveMessage has brought: up to ten messages.
func work(ctx context.Context, q *queue.Queue, s *store.Store, messages []types.Message) {
	events := make([]store.Event, 0, len(messages))
	for _, message := range messages {
		var event store.Event
		if err := json.Unmarshal([]byte(*message.Body), &event); err != nil {
			slog.Error("not an event", "message", *message.MessageId, "error", err)
			continue
		}
		events = append(events, event)
	}
	if err := s.Write(ctx, events); err != nil {
		slog.Error("batch not stored", "messages", len(messages), "error", err)
		return
	}
	q.Delete(ctx, messages)
	slog.Info("batch stored", "messages", len(messages))
}
