import { evaluate } from './evaluate.ts';
import { parseTemplate } from './parse.ts';

const data = {
  Values: { a: 'x', n: 3, zero: 0, list: ['p', 'q'], map: { b: 2, a: 1 }, nothing: null, big: 5_000_000 },
};

function rendered(source: string): string {
  const { body, defined } = parseTemplate(source, 't.yaml');
  return evaluate(body, data, defined);
}

describe('the part of Go templates that charts may use', () => {
  it.each([
    ['a: {{ .Values.a }}', 'a: x'],
    ['a:  {{- .Values.a -}}  b', 'a:xb'],
    ['a{{/* said to readers */}}b{{- /* and trimmed */ -}} c', 'abc'],
    ['{{ if .Values.zero }}1{{ else if .Values.list }}2{{ else }}3{{ end }}', '2'],
    ['{{ if and .Values.a (not .Values.nothing) }}yes{{ end }}', 'yes'],
    ['{{ if or .Values.zero .Values.nothing }}yes{{ else }}no{{ end }}', 'no'],
    ['{{ range .Values.list }}[{{ . }}{{ $.Values.a }}]{{ end }}', '[px][qx]'],
    ['{{ range $i, $each := .Values.list }}{{ $i }}={{ $each }} {{ end }}', '0=p 1=q '],
    ['{{ range $k, $v := .Values.map }}{{ $k }}{{ $v }}{{ end }}', 'a1b2'],
    ['{{ range .Values.nothing }}x{{ else }}none{{ end }}', 'none'],
    ['{{ with .Values.a }}{{ . }}{{ end }}{{ with .Values.nothing }}no{{ end }}', 'x'],
    ['{{ $x := "1" }}{{ if .Values.a }}{{ $x = "2" }}{{ end }}{{ $x }}', '2'],
    ['{{ $x := "1" }}{{ if .Values.a }}{{ $x := "2" }}{{ end }}{{ $x }}', '1'],
    ['{{ define "t" }}<{{ .a }}>{{ end }}{{ include "t" .Values.map | quote }}', '"<1>"'],
    ['m:{{ toYaml .Values.map | nindent 2 }}', 'm:\n  a: 1\n  b: 2'],
    ['{{ toYaml .Values.list | indent 1 }}', ' - p\n - q'],
    ['{{ default "d" .Values.nothing }}{{ .Values.a | default "d" }}', 'dx'],
    ['{{ printf "%s-%d" .Values.a (int .Values.n) | trunc 3 | trimSuffix "-" }}', 'x-3'],
    ['{{ if gt (int .Values.n) 2 }}more{{ end }}{{ if eq .Values.a "y" "x" }}x{{ end }}', 'morex'],
    ['{{ join "," (list "a" "b") }}{{ (index) }}', new Error('there is no function index')],
    ['{{ .Values.missing }}', new Error('t.yaml:1: nothing cannot be written')],
    ['\n{{ .Values.missing.deep }}', new Error('t.yaml:2: .Values.missing.deep: what should have a field deep')],
    ['{{ .Values.map }}', new Error('use toYaml')],
    ['{{ .Values.big }}', new Error('power of ten')],
    ['{{ eq .Values.n 3 }}', new Error('of types that Go does not compare')],
    ['{{ required "say a" .Values.nothing }}', new Error('t.yaml:1: say a')],
    ['{{ if .Values.a }}', new Error('there is no end')],
    ['{{ end }}', new Error('end belongs to nothing')],
    ['{{ lookup "v1" "Pod" "a" "b" }}', new Error('there is no function lookup')],
    ['{{ template "t" . }}', new Error('template is not supported')],
    ['{{ $y }}', new Error('$y is not declared')],
    ['{{ .Values.a | "x" }}', new Error('only functions take arguments')],
    ['{{ 1 + 2 }}', new Error('cannot read "+')],
  ])('%s', (source, expected) => {
    if (expected instanceof Error) expect(() => rendered(source)).toThrow(expected.message);
    else expect(rendered(source)).toBe(expected);
  });

  it('stops a template that includes itself', () => {
    expect(() => rendered('{{ define "t" }}{{ include "t" . }}{{ end }}{{ include "t" . }}')).toThrow('too deep');
  });
});
