// Package ledger is a client of the ledger.
package ledger

import "context"

// Client books amounts.
type Client struct {
	post func(ctx context.Context, path string, body any) error
}

// Book books an amount for a seller. An id that is booked already is left as it is.
func (c *Client) Book(ctx context.Context, id, seller string, cents int64) error {
	return c.post(ctx, "/bookings/"+id, map[string]any{"seller": seller, "cents": cents})
}
