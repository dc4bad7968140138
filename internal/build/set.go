package build

import (
	"iter"
	"math/bits"
	"slices"
)

// set holds small numbers.
type set []uint64

// add reports whether the number is new.
func (s *set) add(n int) bool {
	if s.has(n) {
		return false
	}
	if missing := n/64 + 1 - len(*s); missing > 0 {
		*s = append(*s, make([]uint64, missing)...)
	}
	(*s)[n/64] |= 1 << (n % 64)
	return true
}

func (s *set) has(n int) bool { return n/64 < len(*s) && (*s)[n/64]&(1<<(n%64)) != 0 }

func (s *set) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, word := range slices.Clone(*s) {
			for ; word != 0; word &= word - 1 {
				if !yield(64*i + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}
