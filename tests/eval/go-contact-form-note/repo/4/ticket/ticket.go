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
	Subject   string
	FirstName string
	LastName  string
	Text      string
}

// New makes a ticket of the form.
func New(form Form) Ticket {
	first, last := names(form.Name)
	return Ticket{Subject: form.Topic, FirstName: first, LastName: last, Text: form.Message}
}

// names splits a name: the last word is the last name.
func names(name string) (first, last string) {
	words := strings.Fields(name)
	last = words[len(words)-1]
	first = words[0]
	if middle := words[1 : len(words)-1]; len(middle) > 0 {
		first += " " + strings.Join(middle, " ")
	}
	return first, last
}
