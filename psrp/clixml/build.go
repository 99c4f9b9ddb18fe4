package clixml

func objectTypes() []string { return []string{"System.Object"} }
func arrayListTypes() []string {
	return append([]string{"System.Collections.ArrayList"}, objectTypes()...)
}
func hashtableTypes() []string {
	return append([]string{"System.Collections.Hashtable"}, objectTypes()...)
}

// NewBag makes the property bag of protocol messages: members, no type names.
func NewBag(props ...Property) *Object {
	return &Object{Extended: append([]Property{}, props...)}
}

// NewEnum makes a value of a .NET enum whose underlying type is Int32.
func NewEnum(typeName, name string, n int32) *Object {
	return &Object{
		TypeNames: []string{typeName, "System.Enum", "System.ValueType", "System.Object"},
		ToString:  &name,
		Value:     n,
	}
}

// NewArrayList makes a System.Collections.ArrayList.
func NewArrayList(items ...any) *Object {
	return &Object{TypeNames: arrayListTypes(), Value: &List{Items: items}}
}

// NewHashtable makes a System.Collections.Hashtable.
func NewHashtable(entries ...Entry) *Object {
	return &Object{TypeNames: hashtableTypes(), Value: &Dictionary{Entries: entries}}
}

// NewPrimitiveDictionary makes a PSPrimitiveDictionary, the type of
// ApplicationArguments ([MS-PSRP] 2.2.3.18).
func NewPrimitiveDictionary(entries ...Entry) *Object {
	o := NewHashtable(entries...)
	o.TypeNames = append([]string{"System.Management.Automation.PSPrimitiveDictionary"}, o.TypeNames...)
	return o
}

// NewGenericList makes the List<PSObject> that commands and their arguments
// travel in.
func NewGenericList(items ...any) *Object {
	const name = "System.Collections.Generic.List`1[[System.Management.Automation.PSObject, " +
		"System.Management.Automation, Version=1.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35]]"
	return &Object{TypeNames: append([]string{name}, objectTypes()...), Value: &List{Items: items}}
}
