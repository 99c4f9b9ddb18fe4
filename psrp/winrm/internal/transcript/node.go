package transcript

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// A Node is an element as encoding/xml sees it: prefixes are resolved and
// attributes sorted, so that two documents that mean the same are equal.
type Node struct {
	Name     xml.Name
	Attrs    []xml.Attr
	Text     string
	Children []*Node
}

// ParseNode reads a document.
func ParseNode(document []byte) (*Node, error) {
	decoder := xml.NewDecoder(bytes.NewReader(document))
	root := &Node{}
	stack := []*Node{root}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && len(root.Children) == 1 {
			return root.Children[0], nil
		}
		if err != nil {
			return nil, err
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := newNode(token)
			top.Children = append(top.Children, n)
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.Text += string(token)
		}
	}
}

func newNode(start xml.StartElement) *Node {
	n := &Node{Name: start.Name}
	for _, a := range start.Attr {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			n.Attrs = append(n.Attrs, a)
		}
	}
	slices.SortFunc(n.Attrs, func(a, b xml.Attr) int { return cmp.Compare(a.Name.Local, b.Name.Local) })
	return n
}

// Find gives the first element of that local name, itself included, nil
// without.
func (n *Node) Find(local string) *Node {
	if n.Name.Local == local {
		return n
	}
	for _, c := range n.Children {
		if found := c.Find(local); found != nil {
			return found
		}
	}
	return nil
}

// TextOf is the text of the first element of that name.
func (n *Node) TextOf(local string) string {
	if found := n.Find(local); found != nil {
		return found.Text
	}
	return ""
}

// Attr is an attribute by its local name.
func (n *Node) Attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// Bytes decodes the base64 in the first element of that name, nil without.
func (n *Node) Bytes(local string) ([]byte, error) {
	found := n.Find(local)
	if found == nil {
		return nil, nil
	}
	return base64.StdEncoding.DecodeString(found.Text)
}

// Operation is the last part of the action of an envelope.
func (n *Node) Operation() string {
	action := n.TextOf("Action")
	return action[strings.LastIndexByte(action, '/')+1:]
}

// Command is the CommandId of the body of an envelope, wherever it stands.
func (n *Node) Command() string {
	if id := n.Attr("CommandId"); id != "" {
		return id
	}
	for _, c := range n.Children {
		if id := c.Command(); id != "" {
			return id
		}
	}
	return ""
}
