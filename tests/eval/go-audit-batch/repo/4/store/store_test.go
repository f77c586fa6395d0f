package store

import (
	"strings"
	"testing"
)

func TestStatementHasARowForEachEvent(t *testing.T) {
	sql, args := statement([]Event{{ID: "a"}, {ID: "b"}})
	if !strings.Contains(sql, "($1, $2, $3, $4), ($5, $6, $7, $8)") || len(args) != 8 {
		t.Fatalf("%s with %d arguments", sql, len(args))
	}
}
