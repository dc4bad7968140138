package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Totals is what has been counted.
type Totals struct {
	Pages int `json:"pages"`
	Links int `json:"links"`
}

// Counts keeps the totals of all replicas in one folder: counts.json is replaced whole, never written to, and a lock on
// a file beside it lets one replica at a time replace it. The kernel drops the lock of a replica that dies.
type Counts struct {
	dir *os.Root
}

// OpenCounts opens the counts in the folder, which must be there and writable.
func OpenCounts(dir string) (*Counts, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open counts: %w", err)
	}
	c := &Counts{dir: root}
	unlock, err := c.lock()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open counts: %w", err), root.Close())
	}
	unlock()
	return c, nil
}

// Add counts one page. Once it has returned, the page stays counted whatever crashes.
func (c *Counts) Add(links int) error {
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	totals, err := c.Totals()
	if err != nil {
		return err
	}
	totals.Pages++
	totals.Links += links
	return c.replace(totals)
}

// Totals is what all replicas have counted.
func (c *Counts) Totals() (Totals, error) {
	b, err := c.dir.ReadFile("counts.json")
	if errors.Is(err, fs.ErrNotExist) {
		return Totals{}, nil
	}
	if err != nil {
		return Totals{}, err
	}
	var totals Totals
	if err := json.Unmarshal(b, &totals); err != nil {
		return Totals{}, fmt.Errorf("read counts: %w", err)
	}
	return totals, nil
}

// Close closes the folder.
func (c *Counts) Close() error { return c.dir.Close() }

func (c *Counts) lock() (unlock func(), err error) {
	f, err := c.dir.OpenFile("lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { f.Close() }, nil
}

// replace puts the totals on the disk before their name: a crash leaves the old file or the new one.
func (c *Counts) replace(totals Totals) error {
	b, err := json.Marshal(totals)
	if err != nil {
		return err
	}
	f, err := c.dir.Create("counts.json.new")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := c.dir.Rename("counts.json.new", "counts.json"); err != nil {
		return err
	}
	return c.syncDir()
}

func (c *Counts) syncDir() error {
	d, err := c.dir.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
