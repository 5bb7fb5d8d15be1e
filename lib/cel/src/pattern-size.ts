/**
 * How much work a pattern is before it is compiled: about the instructions of its program, counted as a repetition multiplies
 * what it repeats (`(ab){1000}` is ten characters and 2,000 units). Never less than the characters that stand for themselves.
 * Linear in the length of the pattern, and good for texts that are no patterns at all.
 */
export function patternSize(pattern: string): number {
  const open: number[] = [];
  let total = 0;
  /** Of what a repetition that comes next would repeat. */
  let last = 0;
  const add = (size: number) => {
    total += size;
    last = size;
  };
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at];
    if (character === '\\') {
      at = endOfEscape(pattern, at);
      add(1);
    } else if (character === '[') {
      at = endOfClass(pattern, at);
      add(1);
    } else if (character === '(') {
      open.push(total);
      total = 0;
      last = 0;
    } else if (character === ')') {
      const group = total + 2;
      total = open.pop() ?? 0;
      add(group);
    } else if (character === '{') {
      const count = repetition(pattern, at);
      if (!count) add(1);
      else {
        total += last * Math.max(count.times - 1, 0);
        last *= count.times;
        at = count.end;
      }
    } else add(1);
  }
  return open.reduce((sum, size) => sum + size, total);
}

/** `\\Q...\\E` and `\\pL` included only as far as they are one unit; what follows counts by itself, which is more and never less. */
function endOfEscape(pattern: string, at: number): number {
  if (pattern.startsWith('\\p{', at) || pattern.startsWith('\\P{', at) || pattern.startsWith('\\x{', at)) {
    const end = pattern.indexOf('}', at);
    return end === -1 ? at + 1 : end;
  }
  return at + 1;
}

/** Where `[...]` ends: at the first bracket that is neither escaped nor the first of the class; classes like `[:alpha:]` stand within. */
function endOfClass(pattern: string, at: number): number {
  let next = at + 1;
  if (pattern[next] === '^') next++;
  if (pattern[next] === ']') next++;
  for (; next < pattern.length; next++) {
    const character = pattern[next];
    if (character === ']') return next;
    if (character === '\\') next++;
    else if (character === '[' && pattern[next + 1] === ':') {
      const end = pattern.indexOf(':]', next + 2);
      if (end !== -1) next = end + 1;
    }
  }
  return pattern.length;
}

/** Longer counts are no repetition that any pattern may have. */
const countForm = /\{(\d{1,6})(?:(,)(\d{0,6}))?\}/y;

function repetition(pattern: string, at: number): { readonly times: number; readonly end: number } | undefined {
  countForm.lastIndex = at;
  const found = countForm.exec(pattern);
  if (!found) return undefined;
  const [text, least = '0', comma, most] = found;
  const times = most ? Number(most) : Number(least) + (comma ? 1 : 0);
  return { times: Math.max(times, Number(least)), end: at + text.length - 1 };
}
