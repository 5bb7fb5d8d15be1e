/**
 * Expressions of MutatingAdmissionPolicies write objects as messages: `Object{spec: Object.spec{replicas: 3}}`, `JSONPatch{op: "add"}`. The
 * parser knows maps only, and for us they are the same: the names go, the fields become keys. What stands in strings and comments is left alone.
 */

/** A string (raw, triple-quoted), a comment, a name with dots, or any one character. */
const token =
  /[rRbB]{0,2}(?:"""[\s\S]*?"""|'''[\s\S]*?''')|[rR][bB]?(?:"[^"\n]*"|'[^'\n]*')|[bB]?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|\/\/[^\n]*|[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*|\s+|[\s\S]/y;

const messageName = /^(?:Object(?:\s*\.\s*\w+)*|JSONPatch)$/;
const fieldName = /^[A-Za-z_]\w*$/;
const blank = /^(?:\s+|\/\/.*)$/;

export function withoutMessages(text: string): string {
  const tokens = tokensOf(text);
  const open: ('message' | 'other')[] = [];
  let isAtField = false;
  let result = '';
  for (const [i, part] of tokens.entries()) {
    const isMessage = messageName.test(part) && nextOf(tokens, i) === '{';
    if (isMessage) {
      result += ' '.repeat(part.length);
      continue;
    }
    if (isAtField && fieldName.test(part) && nextOf(tokens, i) === ':') result += JSON.stringify(part);
    else result += part;
    if (blank.test(part) || part === '?') continue;
    if (part === '{') open.push(isNamed(tokens, i) ? 'message' : 'other');
    else if (part === '(' || part === '[') open.push('other');
    else if (part === '}' || part === ')' || part === ']') open.pop();
    isAtField = (part === '{' || part === ',') && open.at(-1) === 'message';
  }
  return result;
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  token.lastIndex = 0;
  for (let match = token.exec(text); match && match[0] !== ''; match = token.exec(text)) tokens.push(match[0]);
  return tokens;
}

function nextOf(tokens: readonly string[], i: number): string | undefined {
  return tokens.slice(i + 1, i + 4).find((part) => !blank.test(part));
}

function isNamed(tokens: readonly string[], i: number): boolean {
  const before = tokens.slice(Math.max(0, i - 3), i).findLast((part) => !blank.test(part));
  return before !== undefined && messageName.test(before);
}
