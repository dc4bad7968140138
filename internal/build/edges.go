package build

import "slices"

// edges are what stages take from each other, by key, as far as that is known.
type edges struct{ takes, givesTo map[string][]string }

func edgesOf(variants []Variant) edges {
	e := edges{map[string][]string{}, map[string][]string{}}
	for _, v := range variants {
		if len(v.Takes) != len(v.Stages) {
			continue
		}
		for i, from := range v.Takes {
			for _, j := range from {
				taker, giver := v.Stages[i].Key, v.Stages[j].Key
				if !slices.Contains(e.takes[taker], giver) {
					e.takes[taker], e.givesTo[giver] = append(e.takes[taker], giver), append(e.givesTo[giver], taker)
				}
			}
		}
	}
	return e
}

// needs reports whether one stage takes from another, directly or not, or is it.
func (e edges) needs(stage, other string) bool {
	seen := map[string]bool{stage: true}
	for todo := []string{stage}; len(todo) > 0; todo = todo[1:] {
		if todo[0] == other {
			return true
		}
		for _, from := range e.takes[todo[0]] {
			if !seen[from] {
				seen[from] = true
				todo = append(todo, from)
			}
		}
	}
	return false
}
