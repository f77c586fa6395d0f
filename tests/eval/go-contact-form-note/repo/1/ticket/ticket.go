// Package ticket makes a ticket of a contact form.
package ticket

import "strings"

// Form is what a visitor has filled in. Nothing of it is checked but that it is there.
type Form struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Topic   string `json:"topic"`
	Message string `json:"message"`
}

// Ticket is what the ticket system wants.
type Ticket struct {
	Subject  string
	Greeting string
	Text     string
}

// New makes a ticket of the form.
func New(form Form) Ticket {
	return Ticket{
		Subject:  form.Topic,
		Greeting: "Hello " + strings.TrimSpace(form.Name) + ",",
		Text:     form.Message,
	}
}
