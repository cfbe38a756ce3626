// Command types prints how Go itself sees the API's types: which fields JSON
// may leave out, what each is a pointer to, what it is called in errors. The
// API's schemas do not say this. The arguments are the served group versions.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// A field: its name in JSON, its type, its marks (o: omitempty, z: omitzero),
// the embedded structs that it is reached through, and its number in protobuf
// behind those of the embedded structs, with dots.
type field [5]string

// A named type is a struct, a type with decoding of its own, or another name.
type named struct {
	Fields  []field `json:"fields,omitempty"`
	Special bool    `json:"special,omitempty"`
	Is      string  `json:"is,omitempty"`
}

var (
	types       = map[string]named{}
	unmarshaler = reflect.TypeFor[json.Unmarshaler]()
)

// name is what the OpenAPI documents call a type.
func name(t reflect.Type) string {
	host, path, _ := strings.Cut(t.PkgPath(), "/")
	parts := strings.Split(host, ".")
	slices.Reverse(parts)
	return strings.Join(parts, ".") + "." + strings.ReplaceAll(path, "/", ".") + "." + t.Name()
}

// expression writes a type as Go does, with full names, and notes what they mean.
func expression(t reflect.Type) string {
	if t.PkgPath() != "" {
		note(t)
		return name(t)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + expression(t.Elem())
	case reflect.Slice:
		return "[]" + expression(t.Elem())
	case reflect.Map:
		return "map[" + expression(t.Key()) + "]" + expression(t.Elem())
	default:
		return t.String()
	}
}

func note(t reflect.Type) {
	if _, known := types[name(t)]; known {
		return
	}
	types[name(t)] = named{} // it may refer to itself
	var n named
	switch {
	case reflect.PointerTo(t).Implements(unmarshaler):
		n.Special = true
	case t.Kind() == reflect.Struct:
		n.Fields = fields(t, "", "")
	default:
		n.Is = underlying(t)
	}
	types[name(t)] = n
}

func underlying(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return "[]" + expression(t.Elem())
	case reflect.Map:
		return "map[" + expression(t.Key()) + "]" + expression(t.Elem())
	default:
		return t.Kind().String()
	}
}

// number is that of a field in protobuf; nothing if it is not there.
func number(f reflect.StructField, through string) string {
	parts := strings.Split(f.Tag.Get("protobuf"), ",")
	if len(parts) < 2 || through == "none" {
		return ""
	}
	return through + parts[1]
}

func fields(t reflect.Type, through, numbers string) []field {
	list := []field{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("json"), ",")
		switch {
		case tag[0] == "-" || (!f.IsExported() && !f.Anonymous):
		case f.Anonymous && tag[0] == "":
			inner := "none"
			if n := number(f, numbers); n != "" {
				inner = n + "."
			}
			list = append(list, fields(f.Type, through+f.Name+".", inner)...)
		default:
			marks := ""
			for _, option := range tag[1:] {
				marks += map[string]string{"omitempty": "o", "omitzero": "z"}[option]
			}
			if tag[0] == "" {
				tag[0] = f.Name
			}
			list = append(list, field{tag[0], expression(f.Type), marks, strings.TrimSuffix(through, "."), number(f, numbers)})
		}
	}
	return list
}

func main() {
	for _, add := range []func() error{
		func() error { return apiextensions.AddToScheme(scheme.Scheme) },
		func() error { return apiregistration.AddToScheme(scheme.Scheme) },
	} {
		if err := add(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	kinds := map[string]string{}
	for gvk, t := range scheme.Scheme.AllKnownTypes() {
		if gv := gvk.GroupVersion().String(); slices.Contains(os.Args[1:], gv) {
			note(t)
			kinds[gv+"/"+gvk.Kind] = name(t)
		}
	}
	out := map[string]any{"kinds": kinds, "types": types}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
