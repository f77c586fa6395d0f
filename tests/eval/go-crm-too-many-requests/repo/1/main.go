// Program crm-sync brings contacts from the queue crm-contacts into the CRM.
package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/crm-sync/config"
	"example.com/crm-sync/crm"
)

// run starts the workers. Each takes one message at a time.
func run(ctx context.Context, conf config.Config, client *crm.Client, messages <-chan types.Message, done chan<- types.Message) {
	for n := 0; n < conf.Workers; n++ {
		go func() {
			for message := range messages {
				if err := handle(ctx, client, message); err != nil {
					slog.Error("contact not synced", "message", *message.MessageId, "error", err)
					continue // SQS gives it out again
				}
				done <- message
			}
		}()
	}
}

func handle(ctx context.Context, client *crm.Client, message types.Message) error {
	var contact crm.Contact
	if err := json.Unmarshal([]byte(*message.Body), &contact); err != nil {
		return err
	}
	start := time.Now()
	if err := client.Put(ctx, contact); err != nil {
		return err
	}
	slog.Info("contact synced", "contact", contact.ExternalID, "ms", time.Since(start).Milliseconds())
	return nil
}
