// Package store writes audit events to PostgreSQL.
package store

import (
	"context"
	"fmt"
	"strings"

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

const columns = 4

// Write stores the events in one statement.
func (s *Store) Write(ctx context.Context, events []Event) error {
	sql, args := statement(events)
	if _, err := s.pool.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("store %d events: %w", len(events), err)
	}
	return nil
}

func statement(events []Event) (string, []any) {
	rows := make([]string, 0, len(events))
	args := make([]any, 0, columns*len(events))
	for i, event := range events {
		n := columns * i
		rows = append(rows, fmt.Sprintf("($%d, $%d, $%d, $%d)", n+1, n+2, n+3, n+4))
		args = append(args, event.ID, event.Actor, event.Action, event.Object)
	}
	return "insert into audit_event (id, actor, action, object) values " + strings.Join(rows, ", ") +
		" on conflict (id) do update set actor = excluded.actor, action = excluded.action," +
		" object = excluded.object", args
}
