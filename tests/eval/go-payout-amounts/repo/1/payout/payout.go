// Package payout knows the message of a payout.
package payout

import (
	"encoding/json"
	"fmt"
)

// Payout is money for a seller: one line for each order.
type Payout struct {
	ID          string `json:"payout"`
	Seller      string `json:"seller"`
	AmountCents int64  `json:"amount_cents"`
	Lines       []Line `json:"lines"`
}

// Line is the part of one order.
type Line struct {
	Order string `json:"order"`
	Cents int64  `json:"cents"`
}

// Parse reads a message.
func Parse(body []byte) (Payout, error) {
	var p Payout
	if err := json.Unmarshal(body, &p); err != nil {
		return p, fmt.Errorf("parse payout: %w", err)
	}
	if p.AmountCents <= 0 {
		return p, fmt.Errorf("payout %s: amount %d", p.ID, p.AmountCents)
	}
	return p, nil
}
