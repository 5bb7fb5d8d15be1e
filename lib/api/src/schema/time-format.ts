// Times on the wire are RFC 3339 in UTC, to the second (metav1.Time) or to the microsecond (metav1.MicroTime). Clients may send any
// offset and any fraction; the server answers in the one form.

type Precision = 'seconds' | 'microseconds';

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;
const canonical = {
  seconds: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  microseconds: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/,
};
const layout = '2006-01-02T15:04:05Z07:00';

export function normaliseTime(text: string, precision: Precision): { time: string } | { problem: string } {
  const parts = rfc3339.exec(text);
  if (!parts) return { problem: `parsing time ${quote(text)} as "${layout}": cannot parse ${mismatch(text)}` };
  const out = outOfRange(parts);
  if (out !== undefined) return { problem: `parsing time ${quote(text)}: ${out} out of range` };
  if (canonical[precision].test(text)) return { time: text };
  const [, , , , , , , fraction = '', offset = 'Z'] = parts;
  const utc = new Date(`${text.slice(0, 19)}${offset}`).toISOString().slice(0, 19);
  return { time: precision === 'seconds' ? `${utc}Z` : `${utc}.${fraction.padEnd(6, '0').slice(0, 6)}Z` };
}

function outOfRange(parts: RegExpExecArray): string | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number);
  if (month < 1 || month > 12) return 'month';
  if (day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return 'day';
  if (hour > 23) return 'hour';
  if (minute > 59) return 'minute';
  if (second > 59) return 'second';
  const [offsetHour = 0, offsetMinute = 0] = (parts[8] ?? 'Z').slice(1).split(':').map(Number);
  if (offsetHour > 23) return 'time zone offset hour';
  return offsetMinute > 59 ? 'time zone offset minute' : undefined;
}

/** The elements of the layout, each with what it takes; the first that does not match is what Go complains about. */
const elements: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d\d/],
  ['-', /^-/],
  ['02', /^\d\d/],
  ['T', /^T/],
  ['15', /^\d\d/],
  [':', /^:/],
  ['04', /^\d\d/],
  [':', /^:/],
  ['05', /^\d\d(?:[.,]\d+)?/],
  ['Z07:00', /^(?:Z|[+-]\d\d:\d\d)/],
];

function mismatch(text: string): string {
  let rest = text;
  for (const [name, pattern] of elements) {
    const taken = pattern.exec(rest);
    if (!taken) return `${quote(rest)} as "${name}"`;
    rest = rest.slice(taken[0].length);
  }
  return `${quote(rest)} as ""`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
