package clixml

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// TimeKind is the Kind of a System.DateTime.
type TimeKind uint8

// The kinds of a DateTime.
const (
	Unspecified TimeKind = iota
	UTC
	Local
)

// DateTime is a System.DateTime: a wall-clock time in ticks of 100 ns since
// 0001-01-01, and what clock it was read from. OffsetMinutes is the offset from
// UTC that a Local time was sent with.
type DateTime struct {
	Ticks         int64
	Kind          TimeKind
	OffsetMinutes int16
}

// TimeSpan is a System.TimeSpan in ticks of 100 ns.
type TimeSpan int64

const (
	ticksPerSecond = 10_000_000
	unixEpochSecs  = 62_135_596_800 // seconds from year 1 to 1970
	maxTicks       = 3_155_378_975_999_999_999
)

var (
	errDateTime = errors.New("not a date and time")
	errDuration = errors.New("not a duration")
)

// NewDateTime takes t as a UTC time if its location is UTC, else as a Local
// one with t's offset. Anything finer than 100 ns is cut off.
func NewDateTime(t time.Time) DateTime {
	_, offset := t.Zone()
	wall := t.Unix() + int64(offset)
	d := DateTime{Ticks: (wall+unixEpochSecs)*ticksPerSecond + int64(t.Nanosecond())/100, Kind: UTC}
	if t.Location() != time.UTC {
		d.Kind, d.OffsetMinutes = Local, int16(offset/60)
	}
	return d
}

// Time gives the instant. An Unspecified time is read as UTC.
func (d DateTime) Time() time.Time {
	t := time.Unix(d.Ticks/ticksPerSecond-unixEpochSecs, d.Ticks%ticksPerSecond*100).UTC()
	if d.Kind != Local {
		return t
	}
	offset := int(d.OffsetMinutes) * 60
	return t.Add(-time.Duration(offset) * time.Second).In(time.FixedZone("", offset))
}

// String gives the XML form: no suffix for Unspecified, Z for UTC, else the offset.
func (d DateTime) String() string { return string(d.append(nil)) }

func (d DateTime) append(dst []byte) []byte {
	t := time.Unix(d.Ticks/ticksPerSecond-unixEpochSecs, 0).UTC()
	dst = t.AppendFormat(dst, "2006-01-02T15:04:05")
	dst = appendFraction(dst, uint64(d.Ticks%ticksPerSecond))
	switch d.Kind {
	case UTC:
		return append(dst, 'Z')
	case Local:
		sign, m := byte('+'), int(d.OffsetMinutes)
		if m < 0 {
			sign, m = '-', -m
		}
		return append(dst, sign, byte('0'+m/600), byte('0'+m/60%10), ':', byte('0'+m%60/10), byte('0'+m%10))
	default:
		return dst
	}
}

// appendFraction writes a part of a second in ticks without trailing zeros.
func appendFraction(dst []byte, ticks uint64) []byte {
	if ticks == 0 {
		return dst
	}
	digits := strconv.FormatUint(ticksPerSecond+ticks, 10) // "1" and seven digits
	return append(append(dst, '.'), strings.TrimRight(digits[1:], "0")...)
}

func parseDateTime(s string) (DateTime, error) {
	const layout = "2006-01-02T15:04:05"
	if len(s) < len(layout) || s[4] != '-' || s[7] != '-' || s[10] != 'T' {
		return DateTime{}, errDateTime
	}
	t, err := time.Parse(layout, s[:len(layout)])
	if err != nil || t.Year() < 1 {
		return DateTime{}, errDateTime
	}
	frac, rest, err := parseFraction(s[len(layout):])
	if err != nil {
		return DateTime{}, errDateTime
	}
	d := DateTime{Ticks: (t.Unix()+unixEpochSecs)*ticksPerSecond + frac}
	if err := d.parseZone(rest); err != nil {
		return DateTime{}, err
	}
	return d, nil
}

func (d *DateTime) parseZone(s string) error {
	switch {
	case s == "":
		return nil
	case s == "Z":
		d.Kind = UTC
		return nil
	case len(s) != 6 || s[3] != ':' || (s[0] != '+' && s[0] != '-'):
		return errDateTime
	}
	h, err1 := strconv.ParseUint(s[1:3], 10, 8)
	m, err2 := strconv.ParseUint(s[4:6], 10, 8)
	if err1 != nil || err2 != nil || h > 14 || m > 59 {
		return errDateTime
	}
	d.Kind, d.OffsetMinutes = Local, int16(h*60+m)
	if s[0] == '-' {
		d.OffsetMinutes = -d.OffsetMinutes
	}
	return nil
}

// parseFraction reads an optional ".ddddddd" and gives ticks and the rest.
func parseFraction(s string) (ticks int64, rest string, err error) {
	if s == "" || s[0] != '.' {
		return 0, s, nil
	}
	i, scale := 1, int64(ticksPerSecond/10)
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		ticks += int64(s[i]-'0') * scale
		scale /= 10
	}
	if i == 1 {
		return 0, s, errDateTime
	}
	return ticks, s[i:], nil
}

// String gives the XML duration, for example P1DT2H3.5S.
func (t TimeSpan) String() string { return string(t.append(nil)) }

func (t TimeSpan) append(dst []byte) []byte {
	if t == 0 {
		return append(dst, "PT0S"...)
	}
	u := uint64(t)
	if t < 0 {
		dst, u = append(dst, '-'), -u
	}
	secs, frac := u/ticksPerSecond, u%ticksPerSecond
	dst = append(dst, 'P')
	dst = appendPart(dst, secs/86400, 'D')
	if secs%86400 == 0 && frac == 0 {
		return dst
	}
	dst = append(dst, 'T')
	dst = appendPart(dst, secs/3600%24, 'H')
	dst = appendPart(dst, secs/60%60, 'M')
	if secs%60 == 0 && frac == 0 {
		return dst
	}
	dst = strconv.AppendUint(dst, secs%60, 10)
	return append(appendFraction(dst, frac), 'S')
}

func appendPart(dst []byte, n uint64, unit byte) []byte {
	if n == 0 {
		return dst
	}
	return append(strconv.AppendUint(dst, n, 10), unit)
}

// durationUnits are the designators in their order. As in .NET a year has 365
// days and a month 30.
var durationUnits = [...]struct {
	unit     byte
	timePart bool
	ticks    uint64
}{
	{'Y', false, 365 * 86400 * ticksPerSecond},
	{'M', false, 30 * 86400 * ticksPerSecond},
	{'D', false, 86400 * ticksPerSecond},
	{'H', true, 3600 * ticksPerSecond},
	{'M', true, 60 * ticksPerSecond},
	{'S', true, ticksPerSecond},
}

func parseTimeSpan(s string) (TimeSpan, error) {
	rest, negative := strings.CutPrefix(s, "-")
	rest, ok := strings.CutPrefix(rest, "P")
	if !ok || rest == "" || strings.HasSuffix(rest, "T") {
		return 0, errDuration
	}
	total, inTime := uint64(0), false
	for i := 0; rest != ""; {
		if !inTime && rest[0] == 'T' {
			inTime, rest = true, rest[1:]
			continue
		}
		ticks, next, unit, err := parseDurationPart(rest, inTime, i)
		if err != nil {
			return 0, err
		}
		if total += ticks; ticks > 1<<63 || total > 1<<63 {
			return 0, errDuration
		}
		rest, i = next, unit+1
	}
	if !negative && total > 1<<63-1 {
		return 0, errDuration
	}
	if negative {
		return TimeSpan(-total), nil
	}
	return TimeSpan(total), nil
}

// parseDurationPart reads one number with its designator; from is the first
// designator that may still come.
func parseDurationPart(s string, inTime bool, from int) (ticks uint64, rest string, unit int, err error) {
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseUint(s[:end], 10, 63)
	if err != nil {
		return 0, "", 0, errDuration
	}
	frac, rest, err := parseFraction(s[end:])
	if err != nil || rest == "" {
		return 0, "", 0, errDuration
	}
	hasFraction := len(rest) != len(s)-end
	for i := from; i < len(durationUnits); i++ {
		u := durationUnits[i]
		if u.unit != rest[0] || u.timePart != inTime {
			continue
		}
		if hasFraction && u.unit != 'S' || n > 1<<63/u.ticks {
			return 0, "", 0, errDuration
		}
		return n*u.ticks + uint64(frac), rest[1:], i, nil
	}
	return 0, "", 0, errDuration
}
