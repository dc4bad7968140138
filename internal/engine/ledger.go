package engine

import (
	"errors"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/ledger"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// ledger returns the entries about an environment, or all without one, the last one first.
func (e *Engine) ledger(env release.Environment, limit int) ([]api.LedgerEntry, error) {
	out := []api.LedgerEntry{}
	err := e.db.View(func(tx state.Tx) error {
		return tx.Ledger(func(entry ledger.Entry) error {
			if env == (release.Environment{}) || entry.Environment == env.String() {
				out = append(out, api.LedgerEntry{
					Sequence: entry.Sequence, Time: entry.Time, Kind: string(entry.Kind), Environment: entry.Environment, Subject: entry.Subject,
					Actor: entry.Actor, Data: entry.Data, Previous: entry.Previous, Hash: entry.Hash,
				})
			}
			return nil
		})
	})
	if limit > 0 {
		out = out[max(0, len(out)-limit):]
	}
	slices.Reverse(out)
	return out, err
}

// maxReason is how much the ledger keeps of an error, in bytes. Logs are kept elsewhere, and not for ever.
const maxReason = 500

// reason is an error in one line, for the record.
func reason(err error) string {
	text := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + " …"
	}
	return text
}

// verifyLedger reads the whole chain.
func (e *Engine) verifyLedger() (out api.LedgerState, err error) {
	var last ledger.Entry
	err = e.db.View(func(tx state.Tx) (err error) { last, err = tx.VerifyLedger(); return err })
	out.Entries, out.Head = last.Sequence, last.Hash
	if broken, ok := errors.AsType[*ledger.BrokenError](err); ok {
		out.Broken = &api.LedgerBreak{Sequence: broken.Sequence, Reason: broken.Reason}
		err = nil
	}
	return out, err
}
