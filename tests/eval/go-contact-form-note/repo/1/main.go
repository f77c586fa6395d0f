// Program contact-tickets makes tickets of the contact forms in the queue.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"example.com/contact-tickets/desk"
	"example.com/contact-tickets/ticket"
)

// handle makes a ticket of one message. It is deleted when the result is nil.
func handle(ctx context.Context, d *desk.Client, id, body string) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	var form ticket.Form
	if err := json.Unmarshal([]byte(body), &form); err != nil {
		return err
	}
	number, err := d.Create(ctx, form.ID, ticket.New(form))
	if err != nil {
		return err
	}
	log.Printf("level=info message=%s form=%s ticket=%s", id, form.ID, number)
	return nil
}
