// Program payout-booker books the payouts of the queue payouts in the ledger.
package main

import (
	"context"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"example.com/payouts/ledger"
	"example.com/payouts/payout"
)

// book books one payout. The ledger takes an id once; the amount that it has booked is paid the same night.
func book(ctx context.Context, l *ledger.Client, message types.Message) bool {
	p, err := payout.Parse([]byte(*message.Body))
	if err == nil {
		err = l.Book(ctx, p.ID, p.Seller, p.AmountCents)
	}
	if err != nil {
		slog.Error("payout not booked", "message", *message.MessageId, "error", err)
		return false
	}
	slog.Info("payout booked", "payout", p.ID, "cents", p.AmountCents, "lines", len(p.Lines))
	return true
}
