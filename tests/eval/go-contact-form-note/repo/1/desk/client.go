// Package desk is a client of the ticket system.
package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"example.com/contact-tickets/ticket"
)

// Client calls the ticket system. The same form gives the same ticket.
type Client struct {
	HTTP *http.Client
	Base string
}

// Create makes the ticket and returns its number.
func (c *Client) Create(ctx context.Context, form string, t ticket.Ticket) (string, error) {
	body, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.Base+"/tickets/by-form/"+form, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("desk: %s", res.Status)
	}
	var made struct{ Number string }
	return made.Number, json.NewDecoder(res.Body).Decode(&made)
}
