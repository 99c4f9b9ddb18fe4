package masking

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// automaton finds all patterns of a set in one pass (Aho-Corasick). Nodes are
// numbers, 0 is the root. Most nodes have one edge, so edges are short lists.
type automaton struct {
	root  [256]uint32 // the edges of the root
	nodes []node
	edges []edge
}

type node struct {
	first uint32 // of its edges
	fail  uint32 // the longest proper suffix that is a prefix of a pattern
	count uint16 // edges
	match uint16 // length of the longest pattern that ends here; 0: none does
	depth uint16
	least uint16 // length of the shortest pattern that goes through here
}

type edge struct {
	next uint32
	b    byte
}

// maxPattern is the length of the longest pattern. A longer one is cut: its
// lines are patterns of their own.
const maxPattern = math.MaxUint16

// build makes the automaton of patterns.
func build(patterns []string) *automaton {
	b := builder{next: map[uint64]uint32{}, nodes: make([]node, 1)}
	for _, p := range patterns {
		b.add(p[:min(len(p), maxPattern)])
	}
	a := &automaton{nodes: b.nodes}
	a.layOut(b.next)
	a.link()
	return a
}

// builder collects the trie.
type builder struct {
	next  map[uint64]uint32 // node<<8 | byte
	nodes []node
}

func (b *builder) add(pattern string) {
	at := uint32(0)
	for i := range len(pattern) {
		key := uint64(at)<<8 | uint64(pattern[i])
		next, ok := b.next[key]
		if !ok {
			next = uint32(len(b.nodes))
			b.next[key] = next
			b.nodes = append(b.nodes, node{depth: uint16(i + 1), least: maxPattern})
		}
		at = next
		b.nodes[at].least = min(b.nodes[at].least, uint16(len(pattern)))
	}
	b.nodes[at].match = uint16(len(pattern))
}

// layOut puts the edges of each node side by side.
func (a *automaton) layOut(next map[uint64]uint32) {
	keys := make([]uint64, 0, len(next))
	for key := range next {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y uint64) int { return cmp.Compare(x, y) })
	for _, key := range keys {
		from, b, to := uint32(key>>8), byte(key), next[key]
		if from == 0 {
			a.root[b] = to
			continue
		}
		n := &a.nodes[from]
		if n.count == 0 {
			n.first = uint32(len(a.edges))
		}
		n.count++
		a.edges = append(a.edges, edge{next: to, b: b})
	}
}

// link sets fail and match, nodes nearer to the root first.
func (a *automaton) link() {
	var queue []uint32
	for _, to := range a.root {
		if to != 0 {
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		n := &a.nodes[at]
		n.match = max(n.match, a.nodes[n.fail].match)
		for _, e := range a.edges[n.first : n.first+uint32(n.count)] {
			a.nodes[e.next].fail = a.step(n.fail, e.b)
			queue = append(queue, e.next)
		}
	}
}

// step gives the node after one more byte.
func (a *automaton) step(at uint32, b byte) uint32 {
	for at != 0 {
		n := &a.nodes[at]
		for _, e := range a.edges[n.first : n.first+uint32(n.count)] {
			if e.b == b {
				return e.next
			}
		}
		at = n.fail
	}
	return a.root[b]
}

// span is a part of a text.
type span struct{ from, to int }

// find gives the parts of text that are matches, in order and apart from one
// another, and the node at its end. A match may begin before the text, as far as
// the node at its beginning knows.
func (a *automaton) find(at uint32, text string) (found []span, end uint32) {
	for i := 0; i < len(text); i++ {
		if text[i] == ellipsis[0] && at != 0 && strings.HasPrefix(text[i:], ellipsis) {
			if n := a.begun(at); n > 0 {
				found = join(found, span{max(0, i-n), i})
			}
		}
		if at == 0 {
			if at = a.root[text[i]]; at == 0 {
				continue
			}
		} else {
			at = a.step(at, text[i])
		}
		if length := int(a.nodes[at].match); length > 0 {
			found = join(found, span{max(0, i+1-length), i + 1})
		}
	}
	return found, at
}

// ellipsis is where PowerShell's formatter cuts a value off: half of a pattern
// before it counts as one.
const ellipsis = "…"

// join adds a span that ends last and takes in those that it overlaps.
func join(list []span, s span) []span {
	for len(list) > 0 && list[len(list)-1].to >= s.from {
		s.from = min(s.from, list[len(list)-1].from)
		list = list[:len(list)-1]
	}
	return append(list, s)
}

// begun tells how many bytes before node are at least half of a pattern, 0 for
// less.
func (a *automaton) begun(at uint32) int {
	for ; at != 0; at = a.nodes[at].fail {
		if n := a.nodes[at]; n.depth >= 4 && 2*int(n.depth) >= int(n.least) {
			return int(n.depth)
		}
	}
	return 0
}
