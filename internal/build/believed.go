package build

import (
	"slices"

	"github.com/moby/buildkit/client"
)

// believed is news of vertices without what the solver's status only concludes: that the inputs of whatever has begun are cached.
// That holds where its own result was found. It does not where its inputs could not be made sense of: some of them may be running.
func believed(news []*client.Vertex) []*client.Vertex {
	found := map[int64]bool{} // when those began of which the result was
	for _, v := range news {
		if v.Cached && v.Started != nil && !concluded(v) {
			found[v.Started.UnixNano()] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(news), func(v *client.Vertex) bool {
		return concluded(v) && !found[v.Started.UnixNano()]
	})
}

// concluded reports whether a vertex is told as cached because of another one: it began and ended when that began.
func concluded(v *client.Vertex) bool {
	return v.Cached && v.Started != nil && v.Completed != nil && v.Started.Equal(*v.Completed)
}
