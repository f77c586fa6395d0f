// Package store writes audit events to PostgreSQL.
package store

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Event is one thing that somebody did. Producers may send it more than once, with the same ID.
type Event struct {
	ID     string `json:"id"`
	Actor  string `json:"actor"`
	Action string `json:"action"`
	Object string `json:"object"`
}

// Store is the table audit_event. The last version of an event counts.
type Store struct{ pool *pgxpool.Pool }

const upsert = `insert into audit_event (id, actor, action, object) values ($1, $2, $3, $4)
on conflict (id) do update set actor = excluded.actor, action = excluded.action, object = excluded.object`

// Write stores the events.
func (s *Store) Write(ctx context.Context, events []Event) error {
	for _, event := range events {
		if _, err := s.pool.Exec(ctx, upsert, event.ID, event.Actor, event.Action, event.Object); err != nil {
			return err
		}
	}
	return nil
}
