package ticket

import "testing"

func TestLastWordIsTheLastName(t *testing.T) {
	for name, want := range map[string][2]string{
		"Ada Berg":       {"Ada", "Berg"},
		"Ada Maria Berg": {"Ada Maria", "Berg"},
	} {
		if first, last := names(name); first != want[0] || last != want[1] {
			t.Errorf("%s: %s, %s", name, first, last)
		}
	}
}
