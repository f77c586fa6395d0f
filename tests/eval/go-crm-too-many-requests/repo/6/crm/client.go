// Package crm is a client of the CRM's HTTP API.
package crm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Contact is what the CRM knows of a person.
type Contact struct {
	ExternalID string   `json:"external_id"`
	Email      string   `json:"email"`
	Tags       []string `json:"tags"`
}

// Client calls the API with one key.
type Client struct {
	HTTP *http.Client
	Base string
	Key  string
}

// Put creates or replaces the contact.
func (c *Client) Put(ctx context.Context, contact Contact) error {
	for i, tag := range contact.Tags {
		contact.Tags[i] = strings.ToLower(tag)
	}
	body, err := json.Marshal(contact)
	if err != nil {
		return err
	}
	url := c.Base + "/v3/contacts/" + contact.ExternalID
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Api-Key", c.Key)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 512))
		return fmt.Errorf("crm: PUT /v3/contacts: %s: %s", res.Status, text)
	}
	return nil
}
